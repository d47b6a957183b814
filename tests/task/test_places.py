# ruff: noqa: E501 - in the tables, one mistake is one line
"""Spans that a task file sets itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task
from acdc_custom.task.aligned import token_texts
from acdc_custom.task.examine import examine
from acdc_custom.task.spans import pieces

Write = Callable[..., Path]
ROWS = 'description = "rows"\nrows = "rows.jsonl"\n'
# The prompt: Alice gave the ball to Bob. Bob likes Alice. The ball is now with


def with_spans(text: str, *lines: str) -> str:
    return text + "\n[spans]\n" + "\n".join(lines) + "\n"


def in_pieces(prompt: Any, tokenizer: Any) -> list[str]:
    """The prompt in its spans, with a word that stands for every name."""
    names = dict.fromkeys(("Alice", "Bob", "Carol", "David", "Erin"), "N")
    cut = pieces(prompt.spans, token_texts(prompt, tokenizer))
    return [f"{p.span}: {' '.join(names.get(w, w) for w in p.text.replace('.', ' .').split())}" for p in cut]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['S = "{A}"'], ["S: N", "S..END: gave the ball to N . N likes N . The ball is now", "END: with"]),
        (['what = "the ball"'], ["start: N gave", "what: the ball", "what..END: to N . N likes N . The ball is now", "END: with"]),
        (['a = ["{A}", "{B}"]', 'b = ["{B}#2", ".#2"]'], ["a: N gave the ball to N", "a..b: .", "b: N likes N .", "b..END: The ball is now", "END: with"]),
        (['b = ["likes", "The ball"]', 'a = ["{A}#1+1"]'], ["start: N", "a: gave", "a..b: the ball to N . N", "b: likes N . The ball", "b..END: is now", "END: with"]),
        (['all = ["{A}", "with"]'], ["all: N gave the ball to N . N likes N . The ball is now", "END: with"]),
    ],
    ids=["one word", "a text of several", "from a word to a text", "after an offset", "END stays apart"],
)  # fmt: skip
def test_a_span_goes_from_the_first_token_of_a_place_to_the_last_of_another(
    write: Write, task_text: str, words: Any, bpe: Any, lines: list[str], expected: list[str]
) -> None:
    task = load_task(write(with_spans(task_text, *lines)))
    for tokenizer in (words, bpe):
        assert {tuple(in_pieces(prompt, tokenizer)) for prompt in task.batch(tokenizer, n=4).prompts} == {
            tuple(expected)
        }


def test_a_span_that_some_template_lacks_is_no_error(write: Write, table_text: str, words: Any) -> None:
    task = load_task(write(with_spans(table_text, 'd = "{d.word}"', 'A = "{A}"', 'says = "says"')))
    batch = task.batch(words, n=4)
    assert [set(prompt.spans) & {"d", "A", "says"} for prompt in batch.prompts] == [{"d"}, {"A", "says"}] * 2
    assert batch.notes == ()
    found = examine(task, words, n=4)
    assert not any((*found.problems, *(one.problems for one in found.examined)))


def test_a_prompt_without_any_of_the_spans_has_its_end_alone(write: Write, table_text: str, words: Any) -> None:
    prompts = load_task(write(with_spans(table_text, 'd = "{d.word}"'))).batch(words, n=2).prompts
    assert set(prompts[1].spans) == {"start", "END"}


def test_a_span_that_no_prompt_has_is_a_note(write: Write, task_text: str, words: Any) -> None:
    path = write(with_spans(task_text, 'ball = "the ball"', 'box = "the box"'))
    assert load_task(path).batch(words, n=3).notes == ('spans.box: "the box" is in none of the 3 prompts.',)
    found = examine(load_task(path), words, n=3).examined[0]
    assert found.notes == ('spans.box: "the box" is in none of the 3 prompts.',) and not found.problems


def test_a_beginning_of_text_token_moves_the_spans(write: Write, task_text: str, words: Any) -> None:
    text = "prepend_bos = true\n" + with_spans(task_text, 'ball = "the ball"')
    prompt = load_task(write(text)).batch(words, n=1).prompts[0]
    assert prompt.spans[:5] == ("start", "start", "start", "ball", "ball")


def test_every_token_can_be_a_span_and_has_the_name_of_its_position(write: Write, task_text: str, words: Any) -> None:
    prompts = load_task(write('spans = "tokens"\nprepend_bos = true\n' + task_text)).batch(words, n=3).prompts
    names = " ".join(f"t{place}" for place in range(17)).replace("t1 ", "giver ").replace("t11", "dot")
    assert [" ".join(prompt.spans) for prompt in prompts] == [names.replace("t16", "END")] * 3


def test_where_every_token_is_a_span_a_longer_prompt_is_an_error(write: Write, table_text: str, words: Any) -> None:
    path = write('spans = "tokens"\n' + table_text)
    message = f'{path}: spans = "tokens": all prompts have to be of equal length: "Not '
    with pytest.raises(TaskError) as error:
        load_task(path).batch(words, n=2)
    assert str(error.value).startswith(message) and '" has 8 tokens, "' in str(error.value)
    assert str(error.value).endswith('" has 6')
    assert "\n" not in str(error.value)
    assert examine(load_task(path), words, n=2).examined[0].problems[0].what.startswith(message)
    assert len(load_task(path).batch(words, n=2, templates="0").prompts) == 2


def test_spans_of_rows_are_texts(write: Write, make_word_level: Any) -> None:
    rows = [{"clean": "one and two", "corrupted": "one and six", "answer": " a", "foil": " b"}]
    rows.append({"clean": "five or one and two", "corrupted": "six or one and two", "answer": " a", "foil": " b"})
    write("\n".join(map(json.dumps, rows)), "rows.jsonl")
    tokenizer = make_word_level("one and two six five or a b")
    cut = [p.spans for p in load_task(write(with_spans(ROWS, 'x = "or"', 'y = "and"'))).batch(tokenizer).prompts]
    assert cut == [("start", "y", "END"), ("start", "x", "x..y", "y", "END")]
    each = load_task(write('spans = "tokens"\n' + ROWS))
    with pytest.raises(TaskError, match='"one and two" has 3 tokens, "five or one and two" has 5'):
        each.batch(tokenizer)


MISTAKES = {
    "no table": ('spans = "token"\n', [], 'spans: has to be a table, or "tokens" for one span per token'),
    "an empty table": ("", [], "spans: there is no span"),
    "the last token": ("", ['END = "{A}"'], "spans.END: END is always the last token"),
    "what comes before": ("", ['start = "{A}"'], "spans.start: start is always what stands before the first span"),
    "no name": ("", ['"" = "{A}"'], "spans.: a span needs a name"),
    "three places": ("", ['x = ["{A}", "{B}", "."]'], "spans.x: has to be one place in quotes, or a list of two"),
    "a number": ("", ["x = 3"], "spans.x: has to be one place in quotes, or a list of two"),
    "an unknown slot": ("", ['x = ["{A}", "{C}"]'], "spans.x: {C}: there is no slot C"),
    "a place in no template": ("", ['x = ["{A}", "{B}#3"]'], 'spans.x: "{B}#3" is in no template (example: [spans] then people = ["{A}", "{B}"])'),
    "a name of tokens": ('spans = "tokens"\n', ["t1"], 'positions.t1: with spans = "tokens", a token without a name is called so'),
}  # fmt: skip


@pytest.mark.parametrize(("top", "lines", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_clear_error(write: Write, task_text: str, top: str, lines: list[str], message: str) -> None:
    text = top + task_text if top else with_spans(task_text, *lines)
    path = write(text.replace("giver =", f"{lines[0] if top and lines else 'giver'} ="))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['x = ["{B}", "{A}"]'], 'spans.x: it ends before it begins in "'),
        (['x = ["{A}", "{B}"]', 'y = "the ball"'], 'spans.y: it shares tokens with the span x in "'),
    ],
)
def test_spans_that_cannot_be_are_told_with_the_prompt(
    write: Write, task_text: str, words: Any, lines: list[str], message: str
) -> None:
    path = write(with_spans(task_text, *lines))
    with pytest.raises(TaskError) as error:
        load_task(path).batch(words, n=2)
    assert str(error.value).startswith(f"{path}: {message}")
    found = examine(load_task(path), words, n=2).examined[0]
    assert found.problems[0].what.startswith(f"In all 2 prompts: {path}: {message}")
    assert len(found.prompts) == 2


def test_what_is_wrong_with_a_slot_is_not_laid_to_a_span(write: Write, task_text: str) -> None:
    text = with_spans(task_text, 'x = "{A}#2"').replace('foil = " {A}"', 'foil = " {X}"')
    with pytest.raises(TaskError) as error:
        load_task(write(text))
    assert not error.value.more and "foil" in str(error.value)
