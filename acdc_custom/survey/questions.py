"""The prompts of a survey, each with the subjects that it names, in order.

Owns the form of survey files and of rows, and its errors. Knows nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.errors import TaskError, UsageError, did_you_mean
from acdc_custom.files.reading import described, shortened
from acdc_custom.files.table import records_of
from acdc_custom.task.records import csv_records, decode, jsonl_records, read_bytes

KEYS = ("prompt", "subjects")
EXAMPLE = '{"prompt": "Alice is a teacher. Bob is a student. The student is", "subjects": ["Alice", "Bob"]}'
FEWEST = 2  # subjects: the earliest and the latest


@dataclass(frozen=True)
class SurveyQuestion:
    """A prompt, and the subjects in the order in which it first names them."""

    where: str  # the file and the line, for messages
    prompt: str
    subjects: tuple[str, ...]


def questions_of(given: Any) -> tuple[SurveyQuestion, ...]:
    """The questions of a survey file, a DataFrame or rows: see `survey_prompts`. Raises `TaskError`."""
    if isinstance(given, (str, Path)):
        return read_questions(Path(given))
    rows = records_of(given)
    if not isinstance(rows, Iterable) or isinstance(rows, (Mapping, bytes)):
        raise UsageError(
            f"{described(given)} is no survey. Give the path of a file, a DataFrame, or a list of rows with prompt and "
            "subjects."
        )
    return _read("the given rows", ((f"row {number}", "", _as_record(row)) for number, row in enumerate(rows, 1)))


def read_questions(path: Path) -> tuple[SurveyQuestion, ...]:
    """Read a survey file: CSV with subjects between semicolons, or JSONL with lists of them. Raises `TaskError`."""
    file = str(path)
    match path.suffix.lower():
        case ".csv":
            records = csv_records(decode(read_bytes(path), file), file, _check_keys)
        case ".jsonl":
            records = jsonl_records(decode(read_bytes(path), file), file, EXAMPLE)
        case _:
            raise TaskError(f"{file}: a survey file ends in .csv or .jsonl (example of a line of JSONL: {EXAMPLE})")
    return _read(file, records)


def _read(file: str, records: Iterable[tuple[str, str, Mapping[str, Any]]]) -> tuple[SurveyQuestion, ...]:
    questions = []
    for place, _, record in records:
        where = f"{file}, {place}"
        try:
            _check_keys(tuple(record))
            questions.append(_question(where, record))
        except ValueError as error:
            raise TaskError(f"{where}: {error}") from None
    if not questions:
        raise TaskError(f"{file}: there are no prompts (example of a line of JSONL: {EXAMPLE})")
    return tuple(questions)


def _as_record(row: Any) -> Mapping[str, Any]:
    """A row as a line of JSONL has it."""
    if isinstance(row, (tuple, list)) and len(row) == len(KEYS):
        row = dict(zip(KEYS, row, strict=True))
    if not isinstance(row, Mapping):
        raise TaskError(f"{shortened(repr(row), 60)} is no row of a survey. Give {' and '.join(KEYS)} of each.")
    subjects = row.get("subjects")
    return {**row, "subjects": list(subjects)} if isinstance(subjects, tuple) else row


def _check_keys(keys: Sequence[str]) -> None:
    for key in keys:
        if key not in KEYS:
            raise ValueError(f'there is no "{key}" in a survey.{did_you_mean(key, KEYS)} Allowed: {", ".join(KEYS)}')
    for key in KEYS:
        if key not in keys:
            raise ValueError(f'"{key}" is missing (example of a line of JSONL: {EXAMPLE})')


def _question(where: str, record: Mapping[str, Any]) -> SurveyQuestion:
    prompt, given = record["prompt"], record["subjects"]
    given = given.split(";") if isinstance(given, str) else given
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f'"prompt" has to be a text (example of a line of JSONL: {EXAMPLE})')
    if not isinstance(given, list) or not all(isinstance(name, str) and name.strip() for name in given):
        raise ValueError('"subjects" has to be a list of names, or a text with semicolons between them: Alice;Bob')
    subjects = tuple(name.strip() for name in given)
    if len(subjects) < FEWEST or len(set(subjects)) < len(subjects):
        raise ValueError(f'"subjects" has to be {FEWEST} or more names, each once; this is {"; ".join(subjects)}')
    starts = {}
    for name in subjects:
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", prompt)
        if found is None:
            raise ValueError(f'the prompt does not name the subject "{name}": "{prompt}"')
        starts[name] = found.start()
    if (right := sorted(subjects, key=starts.__getitem__)) != list(subjects):
        raise ValueError(f'"subjects" has to be in the order in which the prompt first names them: {"; ".join(right)}')
    return SurveyQuestion(where, prompt, subjects)
