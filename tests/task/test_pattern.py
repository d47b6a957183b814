"""Texts with slots, positions and occurrences."""

from __future__ import annotations

import pytest

from acdc_custom.task.pattern import (
    Ref,
    TextSpan,
    fill,
    occurrences,
    parse_occurrence,
    parse_pattern,
    parse_where,
)


def resolve(inside: str) -> Ref:
    slot, _, column = inside.partition(".")
    if slot not in "ABq":
        raise ValueError(f"no slot {slot}")
    return Ref(slot, int(column == "opposite"), f"{{{inside}}}")


A, B = resolve("A"), resolve("B")


def test_a_text_is_cut_at_its_slots() -> None:
    assert parse_pattern("{A} and {B}.", resolve) == (A, " and ", B, ".")
    assert parse_pattern("{A}{B}", resolve) == (A, B)
    assert parse_pattern("no slot", resolve) == ("no slot",)


def test_doubled_braces_are_braces() -> None:
    assert parse_pattern("{{{A}}} {{x}}", resolve) == ("{", A, "} {x}")


@pytest.mark.parametrize("text", ["{A", "A}", "{A} {"])
def test_a_lone_brace_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"has no partner; write (\{\{|\}\}) for"):
        parse_pattern(text, resolve)


def test_filling_says_where_each_word_lies() -> None:
    text, spans = fill(parse_pattern("{A}, {B}, {A}", resolve), {"A": ("Al",), "B": ("Bob",)})
    assert text == "Al, Bob, Al"
    assert spans == ((A, TextSpan(0, 2)), (B, TextSpan(4, 7)), (A, TextSpan(9, 11)))


def test_one_occurrence_can_be_overridden() -> None:
    pattern = parse_pattern("{A}, {B}, {A}", resolve)
    text, _ = fill(pattern, {"A": ("Al",), "B": ("Bob",)}, {("A", 2): ("Eve",)})
    assert text == "Al, Bob, Eve"


def test_columns_choose_the_word_of_a_row() -> None:
    pattern = parse_pattern("{q.word} - {q.opposite}", resolve)
    assert fill(pattern, {"q": ("hot", "cold")})[0] == "hot - cold"
    assert [nth for _, nth in occurrences(pattern)] == [1, 2]


def test_occurrences_are_read() -> None:
    assert parse_occurrence("S") == ("S", None)
    assert parse_occurrence("S#2") == ("S", 2)
    for wrong in ("S#", "S#x", "S#0", "S#-1"):
        with pytest.raises(ValueError, match="is not a slot or an occurrence"):
            parse_occurrence(wrong)


@pytest.mark.parametrize(
    ("text", "what", "nth", "offset"),
    [
        ("{A}", A, 1, 0),
        ("{A}#2", A, 2, 0),
        ("{A}#-1", A, -1, 0),
        ("{A}#1+1", A, 1, 1),
        ("{A}#2-3", A, 2, -3),
        (".#2", ".", 2, 0),
        ("the ball", "the ball", 1, 0),
        ("2+2", "2+2", 1, 0),
    ],
)
def test_positions_are_read(text: str, what: Ref | str, nth: int, offset: int) -> None:
    where = parse_where(text, resolve)
    assert (where.what, where.nth, where.offset, where.text) == (what, nth, offset, text)


@pytest.mark.parametrize("text", ["", " ", "{A}#0", "{A}+1", "{A} {B}"])
def test_what_is_no_position_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a position|has to be one slot"):
        parse_where(text, resolve)
