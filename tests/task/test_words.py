"""Which words a tokenizer keeps whole, in every place where a prompt may put them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.tokens import Encoder
from acdc_custom.task.words import usable

Write = Callable[..., Path]


def kept(path: Path, tokenizer: Any, corruption: str = "switch") -> tuple[dict[str, list[str]], list[str]]:
    spec = load_task(path).spec.prompts
    assert isinstance(spec, TemplateSpec)
    left, notes = usable(spec, spec.corruptions[corruption], Encoder(tokenizer), str(path))
    return {name: ["/".join(row) for row in words.rows] for name, words in left.words.items()}, notes


def test_nothing_is_dropped_when_every_word_is_known(write: Write, task_text: str, words: Any) -> None:
    left, notes = kept(write(task_text), words)
    assert left == {"names": ["Alice", "Bob", "Carol", "David", "Erin"]}
    assert notes == []


def test_a_word_that_is_split_is_dropped_with_a_note(write: Write, task_text: str, bpe: Any) -> None:
    left, notes = kept(write(task_text), bpe)
    assert left == {"names": ["Alice", "Bob", "Carol"]}
    assert notes == [
        "2 of the 5 words of the list names are not one token here and are left out: David, Erin. "
        "Kept: Alice, Bob, Carol."
    ]


def test_the_start_of_a_prompt_is_a_place_of_its_own(write: Write, task_text: str, bpe: Any) -> None:
    inside = task_text.replace('"{A} gave the ball to', '"Then {A} gave the ball to')
    left, _ = kept(write(inside), bpe)
    assert left == {"names": ["Alice", "Bob", "Carol", "Erin"]}


def test_a_word_that_becomes_the_unknown_token_is_dropped(
    write: Write, task_text: str, make_word_level: Callable[..., Any]
) -> None:
    left, _ = kept(write(task_text), make_word_level(task_text.replace("Carol", "")))
    assert left == {"names": ["Alice", "Bob", "David", "Erin"]}


def test_a_word_that_grows_together_with_the_text_is_dropped(
    write: Write, task_text: str, make_word_level: Callable[..., Any]
) -> None:
    glued = task_text.replace("likes {A}.", "likes {A}s.")
    path = write(glued)
    with pytest.raises(TaskError, match="0 of 5 are left: none; not one token for this tokenizer: Alice, Bob"):
        kept(path, make_word_level(glued + " Alices Bobs Carols Davids Erins"))


def test_a_row_goes_when_one_of_its_words_goes(
    write: Write, table_text: str, make_word_level: Callable[..., Any]
) -> None:
    left, notes = kept(write(table_text), make_word_level(table_text.replace("dry", "")), "swap")
    assert left["pairs"] == ["hot/cold", "cold/hot", "big/small", "small/big"]
    assert "left out: wet/dry." in notes[0]


def test_too_few_words_are_an_error_that_counts_them(
    write: Write, task_text: str, make_word_level: Callable[..., Any]
) -> None:
    path = write(task_text)
    tokenizer = make_word_level(task_text.replace('"Alice", "Bob", "Carol"', ""))
    assert kept(path, tokenizer)[0] == {"names": ["David", "Erin"]}
    with pytest.raises(TaskError) as error:
        kept(path, tokenizer, "rename")
    assert str(error.value) == (
        f"{path}: words.names: a prompt needs 4 of this list, and 2 of 5 are left: David, Erin; "
        "not one token for this tokenizer: Alice, Bob, Carol"
    )


def test_an_answer_without_its_space_is_one_error_with_a_hint(write: Write, task_text: str, words: Any) -> None:
    path = write(task_text.replace('answer = " {B}"', 'answer = "{B}"'))
    with pytest.raises(TaskError) as error:
        kept(path, words)
    message = str(error.value)
    assert message.startswith(f'{path}: answer: no word of the list names can be used here: "Alice" is ')
    assert '; with a leading space it is one: " Alice" (prompt: "' in message


def test_a_corruptions_foil_is_checked_too(write: Write, task_text: str, words: Any) -> None:
    path = write(task_text + 'foil = "{A}"\n')
    with pytest.raises(TaskError, match=r"corruptions\.rename\.foil: no word of the list names can be used"):
        kept(path, words)


def test_a_prompt_that_ends_in_a_space_is_explained(write: Write, task_text: str, bpe: Any) -> None:
    path = write(task_text.replace("now with", "now with ").replace('" {B}"', '"{B}"'))
    with pytest.raises(TaskError, match="the prompt ends in a space, which belongs at the start of the answer"):
        kept(path, bpe)
