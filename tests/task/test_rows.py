# ruff: noqa: E501 - in the tables, one mistake is one line
"""Tasks whose prompts are given row by row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task

Write = Callable[..., Path]

HEAD = 'schema = 1\ndescription = "sums"\nrows = "{file}"\n'
JSONL = '{"clean": "one and two", "corrupted": "one and three", "answer": [" three", " 3"], "foil": " four"}\n'
CSV = 'clean,corrupted,answer,foil\n"one, two",one three, three, four\n'


def test_jsonl_rows_are_read_with_their_lines(write: Write) -> None:
    write("\n" + JSONL, "sums.jsonl")
    task = load_task(write(HEAD.format(file="sums.jsonl")))
    (row,) = task.spec.prompts.rows
    assert row.place == "line 2"
    assert (row.clean, row.corrupted) == ("one and two", "one and three")
    assert (row.answer, row.foil) == ((" three", " 3"), (" four",))
    assert task.corruptions == ("rows",) == (task.default_corruption,)


def test_csv_rows_keep_the_leading_space(write: Write) -> None:
    write("\ufeff" + CSV, "sums.csv")
    (row,) = load_task(write(HEAD.format(file="sums.csv"))).spec.prompts.rows
    assert (row.place, row.clean, row.answer, row.foil) == ("line 2", "one, two", (" three",), (" four",))


def test_the_hash_covers_the_rows(write: Write) -> None:
    path = write(HEAD.format(file="sums.jsonl"))
    write(JSONL, "sums.jsonl")
    first = load_task(path).sha256
    write(JSONL.replace("one and two", "six and two"), "sums.jsonl")
    assert load_task(path).sha256 != first


def changed(**values: object) -> str:
    return json.dumps({**json.loads(JSONL), **values})


MISTAKES = {
    "bad JSON": ("x.jsonl", JSONL + "{oops\n", "x.jsonl, line 2: not JSON: "),
    "no object": ("x.jsonl", "[1]\n", "x.jsonl, line 1: not an object (example: "),
    "a missing key": ("x.jsonl", '{"clean": "a"}', 'x.jsonl, line 1: the key "corrupted" is missing (example: {"clean"'),
    "an unknown key": ("x.jsonl", changed(fiol=" x"), 'x.jsonl, line 1: unknown key "fiol". Did you mean "foil"?'),
    "a number for a prompt": ("x.jsonl", changed(clean=1), 'x.jsonl, line 1: "clean" has to be a text'),
    "a number for an answer": ("x.jsonl", changed(answer=[1]), 'x.jsonl, line 1: "answer" has to be a text or a list of texts'),
    "no foil": ("x.jsonl", changed(foil=[]), 'x.jsonl, line 1: "foil" has to be a text or a list of texts'),
    "an empty prompt": ("x.jsonl", changed(clean=" "), 'x.jsonl, line 1: "clean" is an empty prompt'),
    "a repeated row": ("x.jsonl", JSONL + JSONL, "x.jsonl, line 2: the same row as line 1: 'one and two'"),
    "an empty file": ("x.jsonl", "\n", "x.jsonl: there are no rows"),
    "an empty CSV file": ("x.csv", "", "x.csv: there are no rows"),
    "a CSV file of one line": ("x.csv", "clean,corrupted,answer,foil\n", "x.csv: there are no rows"),
    "a missing column": ("x.csv", "clean,corrupted,answer\na,b,c\n", 'x.csv, line 1: the column "foil" is missing'),
    "an unknown column": ("x.csv", "clean,corupted,answer,foil\n", 'x.csv, line 1: unknown column "corupted". Did you mean "corrupted"?'),
    "too many columns": ("x.csv", "clean,corrupted,answer,foil\na,b,c,d,e\n", "x.csv, line 2: not 4 columns; quote a text that has a comma"),
    "too few columns": ("x.csv", "clean,corrupted,answer,foil\na,b,c\n", "x.csv, line 2: not 4 columns"),
    "a number that is none": ("x.jsonl", '{"clean": NaN}', "x.jsonl, line 1: not JSON: NaN is not a number that JSON has"),
    "a key twice": ("x.jsonl", '{"clean": "a", "clean": "b"}', 'x.jsonl, line 1: not JSON: the key "clean" is there twice'),
    "half a character": ("x.jsonl", JSONL.replace("one", r"\ud800"), "x.jsonl, line 1: not JSON: "),
    "lists without an end": ("x.jsonl", "[" * 10**5, "x.jsonl, line 1: not JSON: lists and objects are nested too deeply"),
    "a column twice": ("x.csv", "clean,clean,corrupted,answer,foil\na,b,c,d,e\n", 'x.csv, line 1: the column "clean" is there twice'),
    "an open quote": ("x.csv", 'clean,corrupted,answer,foil\n"a,b,c,d\n', "x.csv, line 2: not CSV: "),
}  # fmt: skip


@pytest.mark.parametrize(("file", "text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_the_rows_names_file_and_line(write: Write, file: str, text: str, message: str) -> None:
    write(text, file)
    path = write(HEAD.format(file=file))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path.parent}/{message}")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HEAD.format(file="none.jsonl"), "rows: there is no file "),
        (HEAD.format(file="rows.txt"), 'rows: "rows.txt" has to end in .jsonl, .csv or .json'),
        (HEAD.format(file="folder.csv"), "rows: "),
        (HEAD.format(file="") .replace('""', "3"), "rows: has to be a text in quotes, not 3"),
        (HEAD.format(file="x.csv") + 'answer = " x"\n', "answer: not allowed beside rows"),
        (HEAD.format(file="x.csv") + "templates = []\n", "templates: not allowed beside rows"),
        (HEAD.format(file="x.csv") + '[positions]\nS = "{S}"\n', "positions.S: {S}: a task of rows has no slots"),
        (HEAD.format(file="x.csv") + "metrc = 1\n", 'metrc: unknown key. Did you mean "metric"?'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_task_of_rows_names_file_and_key(write: Write, tmp_path: Path, head: str, message: str) -> None:
    write(CSV, "x.csv")
    (tmp_path / "folder.csv").mkdir()
    path = write(head)
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(TaskError, match=r"x\.csv cannot be read: it is a pipe or a device, not a file"):
        load_task(write(HEAD.format(file="x.csv")))
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(TaskError, match=r"pipe\.toml cannot be read: it is a pipe or a device, not a file"):
        load_task(tmp_path / "pipe.toml")
