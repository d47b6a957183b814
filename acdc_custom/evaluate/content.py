"""The files of an evaluation, beside the circuit: `evaluation.json`, which loads back exactly, `evaluation.csv` and
`evaluation.svg`.

Owns the form of the first two (schema 1), and the names of all. Every record is an object with the names of its fields;
nodes and edges have their names.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

from acdc_custom.evaluate.kinds import Subject
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record, shortened
from acdc_custom.files.records import from_plain, to_plain
from acdc_custom.files.table import csv_text
from acdc_custom.files.writing import write_file
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME, CSV_NAME, PICTURE_NAME = "evaluation.json", "evaluation.csv", "evaluation.svg"


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write all three, over those of an earlier evaluation; gives their paths. Raises `ResultError`."""
    from acdc_custom.evaluate.picture import draw_evaluation  # draws: reading has no need of it

    return [*save(evaluation, folder), draw_evaluation(evaluation).save(Path(folder) / PICTURE_NAME)]


def save(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write the JSON and the CSV file; gives their paths. Raises `ResultError`."""
    folder = Path(folder)
    return [
        write_file(folder / JSON_NAME, to_json(evaluation)),
        write_file(folder / CSV_NAME, to_csv(evaluation)),
    ]


def to_json(evaluation: Evaluation) -> str:
    """The text of `evaluation.json`."""
    return records.to_json(SCHEMA, {"acdc-custom": __version__, **to_plain(evaluation)})


def load(where: str | Path) -> Evaluation:
    """Read a folder's `evaluation.json`, or the file. Raises `ResultError` saying what is wrong with it."""
    path = file_in(where, JSON_NAME)
    return read_record(path, SCHEMA, f"Make it with: acdc-custom evaluate {quote(str(path.parent))}", _read)


def _read(content: dict[str, Any]) -> Evaluation:
    evaluation = from_plain(Evaluation, content, beside=("acdc-custom",))
    _check(evaluation)
    return evaluation


def to_csv(evaluation: Evaluation) -> str:
    """The text of `evaluation.csv`: one line for every measure of every set of edges on every set of prompts."""
    return csv_text(evaluation.to_rows())


def _check(evaluation: Evaluation) -> None:
    """Whether everything is there that an evaluation always has. Raises `ValueError`."""
    if not evaluation.prompts or not evaluation.examined:
        raise ValueError("it has no prompts, or none on which the circuit was taken apart")
    for on in evaluation.prompts:
        for subject in (Subject.MODEL, Subject.CIRCUIT, Subject.EMPTY):
            if on.of(subject) is None:
                raise ValueError(f"what {subject} does on {shortened(on.name)} is missing")
