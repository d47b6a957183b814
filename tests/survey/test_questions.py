# ruff: noqa: E501 - in the table, one mistake is one line
"""Survey files: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.survey.questions import questions_of, read_questions

PROMPT = "Al met Alice. Alice met Bob. Al saw"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def test_both_forms_give_the_same(tmp_path: Path) -> None:
    row = {"prompt": PROMPT, "subjects": ["Al", "Alice", "Bob"]}
    (from_csv,) = read_questions(write(tmp_path, "x.csv", f'\ufeffsubjects,prompt\nAl; Alice ;Bob,"{PROMPT}"\n'))
    (from_jsonl,) = read_questions(write(tmp_path, "x.jsonl", "\n" + json.dumps(row)))
    assert (from_csv.prompt, from_csv.subjects) == (from_jsonl.prompt, from_jsonl.subjects)
    assert (from_csv.prompt, from_csv.subjects) == (PROMPT, ("Al", "Alice", "Bob"))
    assert (from_csv.where, from_jsonl.where) == (f"{tmp_path}/x.csv, line 2", f"{tmp_path}/x.jsonl, line 2")


def test_rows_and_frames_give_the_same_as_a_file(tmp_path: Path) -> None:
    import pandas as pd

    (of_file,) = read_questions(write(tmp_path, "x.csv", f'prompt,subjects\n"{PROMPT}",Al;Alice;Bob\n'))
    row = {"prompt": PROMPT, "subjects": ["Al", "Alice", "Bob"]}
    for given in ([row], [(PROMPT, ("Al", "Alice", "Bob"))], pd.DataFrame([row]), tmp_path / "x.csv"):
        (found,) = questions_of(given)
        assert (found.prompt, found.subjects) == (of_file.prompt, of_file.subjects)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (5, UsageError, r"5 \(int\) is no survey. Give the path"),
        ([], TaskError, "the given rows: there are no prompts"),
        (["a"], TaskError, "'a' is no row of a survey. Give prompt and subjects"),
        ([("Ann saw", ["Ann"])], TaskError, 'the given rows, row 1: "subjects" has to be 2 or more names'),
        ([("Ann saw", 5)], TaskError, 'row 1: "subjects" has to be a list of names'),
    ],
)
def test_rows_that_are_no_survey_are_told(given: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        questions_of(given)


def test_the_example_file_of_the_documentation_is_right() -> None:
    questions = read_questions(Path(__file__).parents[2] / "docs" / "examples" / "subjects.csv")
    assert questions[0].subjects == ("Alice", "Bob", "Carol", "David")
    assert {len(question.subjects) for question in questions} == {2, 4}


def jsonl(**changed: object) -> str:
    return json.dumps({"prompt": "Ann saw Bob. Bob saw", "subjects": ["Ann", "Bob"], **changed})


MISTAKES = {
    "another suffix": ("x.txt", "", ": a survey file ends in .csv or .jsonl (example"),
    "no lines": ("x.csv", "prompt,subjects\n", ": there are no prompts (example"),
    "an unknown column": ("x.csv", "promt,subjects\na,b\n", ', line 1: there is no "promt" in a survey. Did you mean "prompt"? Allowed: prompt, subjects'),
    "a missing key": ("x.jsonl", '{"prompt": "a"}', ', line 1: "subjects" is missing'),
    "a number for a prompt": ("x.jsonl", jsonl(prompt=1), ', line 1: "prompt" has to be a text'),
    "an empty prompt": ("x.jsonl", jsonl(prompt=" "), ', line 1: "prompt" has to be a text'),
    "subjects that are no names": ("x.jsonl", jsonl(subjects=[1, 2]), ', line 1: "subjects" has to be a list of names'),
    "an empty subject": ("x.jsonl", jsonl(subjects="Ann;;Bob"), ', line 1: "subjects" has to be a list of names'),
    "one subject": ("x.jsonl", jsonl(subjects="Ann"), ', line 1: "subjects" has to be 2 or more names, each once; this is Ann'),
    "a subject twice": ("x.jsonl", jsonl(subjects="Ann;Bob;Ann"), ', line 1: "subjects" has to be 2 or more names, each once'),
    "a subject that is not there": ("x.jsonl", jsonl(subjects="Ann;Eve"), ', line 1: the prompt does not name the subject "Eve": "Ann saw Bob'),
    "a subject within a word": ("x.jsonl", jsonl(subjects="An;Bob"), ', line 1: the prompt does not name the subject "An"'),
    "another order": ("x.jsonl", jsonl(subjects="Bob;Ann"), ', line 1: "subjects" has to be in the order in which the prompt first names them: Ann; Bob'),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_the_line_and_what_is_allowed(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(TaskError) as error:
        read_questions(write(tmp_path, name, text))
    assert str(error.value).startswith(f"{tmp_path}/{name}{message}")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"there is no file .*none\.csv"):
        read_questions(tmp_path / "none.csv")
