"""Prompts are cut into spans: named tokens, and what lies between them."""

from __future__ import annotations

from typing import Any

import pytest

from acdc_custom.task import load_task, task_names
from acdc_custom.task.aligned import token_texts
from acdc_custom.task.spans import Piece, cut, in_order, pieces


def spans(clean: str, corrupted: str, **positions: int) -> str:
    """Of prompts whose tokens are letters."""
    return " ".join(cut([*map(ord, clean)], [*map(ord, corrupted)], positions))


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ({"S": 2}, "start start S S..END S..END END"),
        ({"S": 0, "S+1": 1}, "S S+1 S+1..END S+1..END S+1..END END"),
        ({"B": 3, "A": 1}, "start A A..B B B..END END"),
        ({"A": 1, "also A": 1}, "start A A..END A..END A..END END"),
        ({"last": 5, "A": 0}, "A A..END A..END A..END A..END END"),
    ],
)
def test_named_tokens_are_spans_and_so_are_the_runs_between_them(positions: dict[str, int], expected: str) -> None:
    assert spans("abcdef", "axcdef", **positions, END=5) == expected


def test_without_names_the_tokens_that_change_are_named() -> None:
    assert spans("abcdefg", "axydezg") == "start changed1 changed1 changed1..changed2 changed1..changed2 changed2 END"
    assert spans("ab", "ax") == "start END", "the last token is END whether it changes or not"
    assert spans("a", "x") == "END"


def test_spans_of_templates_that_differ_come_in_the_order_of_where_they_stand() -> None:
    one = cut([0] * 6, [1] * 6, {"A": 1, "B": 2})
    other = cut([0] * 6, [1] * 6, {"B": 1, "C": 3})
    assert in_order([one, other]) == ("start", "A", "B", "B..C", "C", "B..END", "C..END", "END")
    assert in_order([other, one]) == in_order([one, other])


def test_a_prompt_in_pieces_is_the_prompt() -> None:
    texts = ["a", " b", " c", " d"]
    found = pieces(["start", "start", "S", "END"], texts)
    assert found == (Piece("start", "a b"), Piece("S", " c"), Piece("END", " d"))


@pytest.mark.parametrize("name", task_names())
def test_every_built_in_task_is_cut_so_that_every_name_stands_where_it_is_said_to(name: str, words_of: Any) -> None:
    task = load_task(name)
    tokenizer = words_of(task)
    for prompt in task.batch(tokenizer, n=4).prompts:
        assert len(prompt.spans) == len(prompt.clean_ids) == len(token_texts(prompt, tokenizer))
        assert all(prompt.spans[at] == span for span, at in prompt.positions.items())
        assert prompt.spans.count("END") == 1
