"""What is refused of every file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.files.reading import parse_json, part, read_regular, record, shortened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_json_is_read_as_what_was_written(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "NaN is not a number that JSON has"),
        ("[-Infinity]", "-Infinity is not a number that JSON has"),
        ("1e999", "the number 1e999 is too large"),
        ("-1" + "0" * 300, "the number -1000"),
        ("9" * 5000, "is too large"),
        ('{"a": 1, "a": 1}', 'the key "a" is there twice'),
        (r'{"\ud800": 1}', "half a character"),
        (r'["a\udc00"]', "half a character"),
        ("[" * 10**5, "nested too deeply"),
        ("", "Expecting value"),
    ],
)
def test_json_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse_json(text)
    assert len(str(error.value)) < 200


def test_escapes_that_make_one_character_together_are_text() -> None:
    assert parse_json(r'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_a_file_is_read_whole_and_a_device_never(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\xff")
    assert read_regular(tmp_path / "x") == b"\0\xff"
    for path in (tmp_path, tmp_path / "y", Path("/dev/null"), Path("nul\0")):
        with pytest.raises(OSError):
            read_regular(path)


@dataclass(frozen=True)
class Example:
    """One field of each kind."""

    count: int
    share: float
    name: str
    known: bool
    limit: int | None
    margin: float | None
    counts: Mapping[str, int]
    shares: Mapping[str, float]
    names: Mapping[str, str]


GOOD = {
    "count": 1,
    "share": 0.5,
    "name": "x",
    "known": True,
    "limit": None,
    "margin": None,
    "counts": {"a": 1},
    "shares": {"a": 0.5},
    "names": {"a": "b"},
}


def test_a_record_has_exactly_its_fields_each_of_its_type() -> None:
    assert record(Example, GOOD) == Example(**GOOD)  # type: ignore[arg-type]
    assert record(Example, {**GOOD, "share": 1, "limit": 3, "margin": 2.5}).limit == 3
    without = {name: value for name, value in GOOD.items() if name != "count"}
    assert record(Example, without, count=5).count == 5
    for bad in ({}, [], None, "x", {**GOOD, "more": 1}, without):
        with pytest.raises(TypeError, match="expected an object with count, counts, known, limit"):
            record(Example, bad)


@pytest.mark.parametrize("name", GOOD)
def test_a_field_of_another_type_is_named(name: str) -> None:
    for bad in ([], "x" if name != "name" else 1, {"a": None}, *([True, 1.5] if name == "count" else [])):
        with pytest.raises(TypeError, match=f"{name} is "):
            record(Example, {**GOOD, name: bad})


def test_a_part_is_a_list_or_an_object() -> None:
    assert part({"a": [1]}, "a", list) == [1]
    with pytest.raises(TypeError, match=r"a is \[1\], expected an object"):
        part({"a": [1]}, "a", dict)
    with pytest.raises(KeyError):
        part({}, "a", dict)


def test_a_long_text_is_cut_off_in_messages() -> None:
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 77 + "..."
