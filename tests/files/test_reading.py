"""What is refused of every file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.errors import ResultError
from acdc_custom.files.reading import file_in, parse_json, read_record, read_regular, shortened

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


def test_a_file_is_found_in_its_folder_or_is_named_itself(tmp_path: Path) -> None:
    assert file_in(tmp_path, "x.json") == file_in(str(tmp_path), "x.json") == tmp_path / "x.json"
    assert file_in(tmp_path / "y.json", "x.json") == tmp_path / "y.json"
    assert file_in("x" * 300, "x.json") == Path("x" * 300), "no folder can have this name"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1', "it is no whole JSON file \\(Expecting"),
        ("[]", 'it has no "schema"'),
        ('{"schema": 0}', 'it has no "schema"'),
        ('{"schema": 3}', r"written by a newer acdc-custom \(schema 3\)"),
        ('{"schema": 2}', "'kl' is missing"),
        ('{"schema": 1, "kl": "x"}', "could not convert string to float: 'x'"),
    ],
)
def test_a_record_that_cannot_be_read_is_one_line_with_the_file_and_what_to_do(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=message) as error:
        read_record(path, 2, "Make it.", lambda content: float(content["kl"]))
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
    path.write_text('{"schema": 1, "kl": 0.5}')
    assert read_record(path, 2, "Make it.", lambda content: content) == {"kl": 0.5}
    with pytest.raises(ResultError, match=r"there is no .*y\.json\. Make it"):
        read_record(tmp_path / "y.json", 2, "Make it.", lambda content: content)


def test_a_long_text_is_cut_off_in_messages() -> None:
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 77 + "..."
