"""What is written of a record is read back exactly, and what does not fit is told with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.errors import UsageError
from acdc_custom.files.reading import parse_json
from acdc_custom.files.records import FloatOrNan, Parts, from_plain, seldom, to_json, to_plain
from acdc_custom.graph import Edge, Receiver, Sender


class Colour(StrEnum):
    """In an order that is not that of the alphabet."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    """A record within one."""

    name: str
    limit: int | None = None


@dataclass(frozen=True)
class Example:
    """One field of each kind."""

    count: int
    share: float
    ratio: FloatOrNan
    name: str
    known: bool
    colour: Colour
    colours: frozenset[Colour]
    margin: float | None
    edge: Edge
    inner: Inner
    inners: tuple[Inner, ...]
    table: tuple[tuple[float, ...], ...]
    counts: Mapping[Colour, int]
    anything: Mapping[str, Any]
    derived: int = field(init=False, default=3)


EDGE = Edge(Sender.parse("a0.h1"), Receiver.parse("m1"))
EXAMPLE = Example(
    count=1,
    share=0.5,
    ratio=0.25,
    name="é",
    known=True,
    colour=Colour.BLUE,
    colours=frozenset(Colour),
    margin=None,
    edge=EDGE,
    inner=Inner("x", 3),
    inners=(Inner("y"),),
    table=((1.0,), ()),
    counts={Colour.RED: 2},
    anything={"a": [1, None]},
)
GOOD = to_plain(EXAMPLE)


def changed(**values: Any) -> dict[str, Any]:
    return {**GOOD, **values}


def test_a_record_is_an_object_of_plain_values() -> None:
    assert (
        json.loads(json.dumps(GOOD))
        == GOOD
        == {
            "count": 1,
            "share": 0.5,
            "ratio": 0.25,
            "name": "é",
            "known": True,
            "colour": "blue",
            "colours": ["red", "blue"],
            "margin": None,
            "edge": {"sender": "a0.h1", "receiver": "m1"},
            "inner": {"name": "x", "limit": 3},
            "inners": [{"name": "y", "limit": None}],
            "table": [[1.0], []],
            "counts": {"red": 2},
            "anything": {"a": [1, None]},
        }
    )


@given(
    st.integers(),
    st.floats(-1e100, 1e100),
    st.text(),
    st.frozensets(st.sampled_from(Colour)),
    st.lists(st.lists(st.floats(-1e100, 1e100))),
)
def test_what_is_written_is_read_back_exactly(
    count: int, share: float, name: str, colours: frozenset[Colour], table: list[list[float]]
) -> None:
    one = replace(EXAMPLE, count=count, share=share, name=name, colours=colours, table=tuple(map(tuple, table)))
    assert from_plain(Example, json.loads(json.dumps(to_plain(one)))) == one


def test_a_number_that_is_none_is_null_and_read_back_where_there_may_be_none() -> None:
    assert to_plain([math.nan, math.inf, 1.5]) == [None, None, 1.5]
    assert math.isnan(from_plain(Example, changed(ratio=None)).ratio)
    with pytest.raises(TypeError, match="share is None, expected float"):
        from_plain(Example, changed(share=None))


def test_a_whole_number_is_read_as_the_float_that_it_stands_for() -> None:
    share = from_plain(Example, changed(share=1)).share
    assert type(share) is float and share == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 1.5}, "count is 1.5, expected int"),
        ({"count": True}, "count is True, expected int"),
        ({"share": "x"}, "share is 'x', expected float"),
        ({"share": 1e101}, r"share is 1e\+101, which is too large"),
        ({"known": 1}, "known is 1, expected bool"),
        ({"colour": "green"}, "colour is 'green', expected one of: red, blue"),
        ({"colour": []}, r"colour is \[\], expected one of: red, blue"),
        ({"colours": ["green"]}, r"colours\[0\] is 'green'"),
        ({"margin": "x"}, "margin is 'x', expected float"),
        ({"edge": "a0.h1 -> m1"}, "edge is 'a0.h1 -> m1', expected an object"),
        ({"edge": {"sender": 1, "receiver": "m1"}}, "edge.sender is 1, expected str"),
        ({"edge": {"sender": "x", "receiver": "m1"}}, '"x" is not a sender'),
        ({"inner": []}, r"inner is \[\], expected an object"),
        ({"inner": {"name": "x"}}, 'inner has to be an object with name, limit: "limit" is missing'),
        ({"inners": {}}, "inners is {}, expected a list"),
        ({"inners": [{"name": "x", "limit": 1, "more": 2}]}, r'inners\[0\] has to be .*: "more" is none of them'),
        ({"table": [[0.5, None]]}, r"table\[0\]\[1\] is None, expected float"),
        ({"counts": {"red": "2"}}, "counts.red is '2', expected int"),
        ({"counts": {"green": 2}}, "counts is 'green', expected one of: red, blue"),
        ({"anything": 3}, "anything is 3, expected an object"),
        ({"more": 3}, 'it has to be an object with count, .*: "more" is none of them'),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(values: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError, UsageError), match=message):
        from_plain(Example, changed(**values))


def test_what_is_told_is_short_whatever_was_given() -> None:
    for content in ([0] * 10**5, {"x" * 10**5: 1}, changed(counts={"x" * 10**5: 1})):
        with pytest.raises((TypeError, ValueError)) as error:
            from_plain(Example, content)
        assert len(str(error.value)) < 400


def test_what_stands_beside_a_records_own_fields_is_named_where_it_may() -> None:
    assert from_plain(Inner, {"name": "x", "limit": 1, "more": 2}, beside=("more", "less")) == Inner("x", 1)
    with pytest.raises(TypeError, match='"less" is none of them'):
        from_plain(Inner, {"name": "x", "limit": 1, "less": 2}, beside=("more",))


def test_an_object_is_read_part_by_part() -> None:
    rows = [{"name": "x", "limit": 1, "more": 2}]
    whole = Parts({"n": 3, "rows": rows, "one": {"deep": {"n": "x"}}})
    assert whole.read("n", int) == 3
    assert whole.records("rows", Inner, beside=("more",)) == (Inner("x", 1),)
    assert [row.read("more", int) for row in whole.each("rows")] == [2]
    for read, message in (
        (lambda: whole.read("m", int), 'it has to be an object with "m", which is missing'),
        (lambda: whole.within("n"), "n is 3, expected an object"),
        (lambda: whole.each("one"), "one is {.*}, expected a list"),
        (lambda: whole.records("rows", Inner), r"rows\[0\] has to be an object with name, limit"),
        (lambda: whole.each("rows")[0].read("m", int), r'rows\[0\] has to be an object with "m"'),
        (lambda: whole.within("one").within("deep").read("n", int), "one.deep.n is 'x', expected int"),
        (lambda: Parts([]), r"it is \[\], expected an object"),
    ):
        with pytest.raises(TypeError, match=message):
            read()


def test_a_versioned_file_begins_with_its_schema() -> None:
    text = to_json(2, {"example": EXAMPLE, "ratio": math.nan})
    assert text.startswith('{\n "schema": 2,') and text.endswith("}\n") and "é" in text
    assert parse_json(text)["ratio"] is None


@dataclass(frozen=True)
class Rare:
    """A record with a field that is seldom anything but its default."""

    name: str
    span: str = seldom("")


def test_a_field_that_is_seldom_anything_but_its_default_is_left_out_where_it_is_that() -> None:
    assert to_plain(Rare("a")) == {"name": "a"}
    assert to_plain(Rare("a", "S2")) == {"name": "a", "span": "S2"}
    for record in (Rare("a"), Rare("a", "S2")):
        assert from_plain(Rare, to_plain(record)) == record
    with pytest.raises(TypeError, match='"name" is missing'):
        from_plain(Rare, {"span": "S2"})
    with pytest.raises(TypeError, match='"other" is none of them'):
        from_plain(Rare, {"name": "a", "other": 1})
