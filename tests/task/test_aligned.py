"""Clean over corrupted, token over token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.task import Prompt, load_task, task_names
from acdc_custom.task.aligned import AlignedBlock, align, columns
from acdc_custom.task.tokens import Encoder

Make = Callable[..., Any]


def blocks(path: Path | str, tokenizer: Any, width: int = 90, corruption: str | None = None) -> list[AlignedBlock]:
    return list(align(load_task(path).batch(tokenizer, n=1, corruption=corruption).prompts[0], tokenizer, width))


def test_what_differs_is_marked_and_positions_begin_at_their_tokens(
    write: Callable[..., Path], task_text: str, words: Any
) -> None:
    path = write(task_text.replace('names = ["Alice", "Bob", "Carol", "David", "Erin"]', 'names = ["Carol", "Bob"]'))
    (block,) = blocks(path, words)
    lines = [block.clean, block.corrupted, block.marks, *block.names]
    first, second = ("Bob", "Carol") if block.clean.startswith("Bob") else ("Carol", "Bob")
    assert lines == [
        f"{first:<5} gave the ball to {second:<5}. {second:<5} likes {first:<5}. The ball is now with",
        f"{second:<5} gave the ball to {first:<5}. {first:<5} likes {second:<5}. The ball is now with",
        "^^^^^                  ^^^^^  ^^^^^       ^^^^^",
        "giver                                          dot               END",
    ]


def marks_expected(prompt: Prompt, tokenizer: Any) -> int:
    """Tokens that differ; neighbours without a space between them, such as digits, have one mark."""
    spans = Encoder(tokenizer).encode(prompt.clean).spans
    bos = len(prompt.clean_ids) - len(spans)
    at = [i for i, (a, b) in enumerate(zip(prompt.clean_ids, prompt.corrupted_ids, strict=True)) if a != b]
    return sum(i - 1 not in at or spans[i - bos - 1][1] < spans[i - bos][0] for i in at)


@pytest.mark.parametrize("name", task_names())
@pytest.mark.parametrize("width", [20, 60])
def test_blocks_put_together_are_the_prompt_and_none_is_too_wide(name: str, width: int, words_of: Make) -> None:
    task = load_task(name)
    tokenizer = words_of(task)
    for corruption in task.corruptions:
        prompt = task.batch(tokenizer, n=1, corruption=corruption).prompts[0]
        found = list(align(prompt, tokenizer, width))
        for side, text in (("clean", prompt.clean), ("corrupted", prompt.corrupted)):
            shown = "".join(getattr(block, side) for block in found).replace("<bos>", "")
            assert shown.replace(" ", "") == text.replace(" ", "").replace("\n", r"\n")
        for block in found:
            for line in (block.clean, block.corrupted, block.marks, *block.names):
                assert len(line) <= width
        names = [name for block in found for line in block.names for name in line.split()]
        assert sorted(names) == sorted(prompt.positions)
        marked = sum(len(block.marks.split()) for block in found)
        assert marked == marks_expected(prompt, tokenizer)


def test_names_of_one_token_stand_below_each_other(write: Callable[..., Path], task_text: str, words: Any) -> None:
    (block,) = blocks(write(task_text.replace('dot = ".#2"', 'a_long_name = "{A}"\nball = "gave"')), words)
    assert [line.split() for line in block.names] == [["giver", "ball", "END"], ["a_long_name"]]


def test_a_letter_that_takes_two_columns_counts_twice() -> None:
    assert columns("ab") == 2 and columns("日本") == 4
