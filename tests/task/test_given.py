"""A task from rows that were never in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.task import Task
from acdc_custom.task.given import load_task

ROWS = [
    ("the cat sat on the", "the dog sat on the", " mat", " rug"),
    ("a cat sat on a", "a dog sat on a", " mat", " rug"),
]
KEYS = ("clean", "corrupted", "answer", "foil")
MAPPINGS = [dict(zip(KEYS, row, strict=True)) for row in ROWS]


def prompts(task: Task) -> Any:
    return task.spec.prompts.rows  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        [list(row) for row in ROWS],
        MAPPINGS,
        iter(MAPPINGS),
        pd.DataFrame(MAPPINGS),
        pd.DataFrame(ROWS, columns=KEYS),
    ],
    ids=["tuples", "lists", "mappings", "an iterator", "a frame", "a frame of tuples"],
)
def test_rows_in_any_form_are_the_same_task(given: Any) -> None:
    task = load_task(given, "mine")
    assert task == load_task(MAPPINGS, "mine")
    assert (task.name, task.metric, task.corruptions, task.model) == ("mine", "kl", ("rows",), "")
    assert [(row.clean, row.corrupted, *row.answer, *row.foil) for row in prompts(task)] == ROWS


def test_columns_of_numpy_and_lists_are_read() -> None:
    frame = pd.DataFrame(
        {"clean": ["a b"], "corrupted": ["a c"], "correct_idx": np.array([3]), "incorrect_idx": [np.array([4, 5])]}
    )
    (row,) = prompts(load_task(frame))
    assert row.answer == (3,) and row.foil == (4, 5)


def test_names_paths_and_tasks_are_taken_as_before(tmp_path: Path) -> None:
    built_in = load_task("latest_s")
    assert load_task(built_in) is built_in
    copy = tmp_path / "latest_s.toml"
    copy.write_text(built_in.text, encoding="utf-8")
    assert load_task(copy).spec == load_task(str(copy)).spec == built_in.spec


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, r"5 \(int\) is no task\. Give the name of a built-in task"),
        (None, r"None \(NoneType\) is no task"),
        ({"clean": "a"}, r"\(dict\) is no task"),
        ([], "rows: there are no rows"),
        ([1], r"row 1: 1 is no row\. Give clean, corrupted, answer, foil of each"),
        ([("a", "b")], r"row 1: \('a', 'b'\) is no row"),
        ([MAPPINGS[0], {"clean": "a"}], 'rows, row 2: the column "corrupted" is missing'),
        ([{**MAPPINGS[0], "answer": object()}], "row 1: .* is neither a text nor a number"),
        ([{**MAPPINGS[0], "answer": float("nan")}], 'row 1: "answer" has to be a text or a list of texts'),
        ([MAPPINGS[0], MAPPINGS[0]], "row 2: the same row as row 1"),
    ],
)
def test_what_is_no_task_is_told_in_one_line(given: Any, message: str) -> None:
    with pytest.raises((UsageError, TaskError), match=message) as error:
        load_task(given)
    assert "\n" not in str(error.value)
