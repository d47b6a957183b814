"""The prompts of the greater-than circuit, for a tokenizer that joins two digits, as GPT-2's does.

    The war lasted from the year 1732 to the year 17 -> 33 ... 99, not 02 ... 32

Owns the task: after Hanna et al. 2023 (arXiv 2305.00586), section 2. Years are those that the tokenizer splits into
century and year, as ` 17` and `32`; the corrupted prompt begins in the year 01. Imports no torch.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acdc_custom.errors import UsageError
from acdc_custom.files.writing import write_file

NOUNS = (
    "war", "siege", "reign", "dispute", "marriage", "voyage", "plague", "campaign", "dynasty", "expedition", "famine",
    "treaty", "rivalry", "invasion", "festival", "quest", "tour", "trial", "revolt", "pilgrimage",
)  # fmt: skip
CENTURIES, FIRST = range(11, 18), 2
TASK_NAME, ROWS_NAME = "greater_than_gpt2.toml", "greater_than_gpt2.jsonl"
TASK = f'''\
schema = 1
description = "A span of years ends after it began: which two digits come next?"
source = "after Hanna et al. 2023, How does GPT-2 compute greater-than?, arXiv 2305.00586"
rows = "{ROWS_NAME}"
'''


def write_task(folder: Path, tokenizer: Any, n: int, seed: int) -> Path:
    """Write a task of `n` prompts, and its rows beside it; gives the task file.

    Raises `UsageError` for a tokenizer that does not join two digits, `ResultError` where it cannot be written.
    """
    lines = [json.dumps(row) for row in prompts_for(tokenizer, n, seed)]
    write_file(folder / ROWS_NAME, "\n".join(lines) + "\n")
    return write_file(folder / TASK_NAME, TASK)


def prompts_for(tokenizer: Any, n: int, seed: int) -> Iterator[dict[str, object]]:
    """The rows of `n` prompts, or of as many as there are. Raises `UsageError` for a tokenizer that does not join two
    digits."""
    numbers = [number for number in range(FIRST, 100) if len(_ids(tokenizer, f"{number:02}")) == 1]
    years = [
        (century, year)
        for century in CENTURIES
        if _splits(tokenizer, century, 1)
        for year in numbers[:-1]  # one is later than each of them
        if _splits(tokenizer, century, year)
    ]
    if not years:
        raise UsageError(
            "this tokenizer does not make one token of two digits, as GPT-2's does: these prompts are not for it. "
            "For one token a digit there is the task greater_than."
        )
    choices = [(noun, *when) for noun in NOUNS for when in years]
    rng = random.Random(seed)
    for noun, century, year in rng.sample(choices, min(n, len(choices))):
        yield {
            "clean": f"The {noun} lasted from the year {century}{year:02} to the year {century}",
            "corrupted": f"The {noun} lasted from the year {century}01 to the year {century}",
            "answer": [f"{number:02}" for number in numbers if number > year],
            "foil": [f"{number:02}" for number in numbers if number <= year],
        }


def _splits(tokenizer: Any, century: int, year: int) -> bool:
    """Whether a year is two tokens, its century's and its own."""
    apart = [*_ids(tokenizer, f" {century}"), *_ids(tokenizer, f"{year:02}")]
    return len(apart) == 2 and _ids(tokenizer, f" {century}{year:02}") == apart


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
