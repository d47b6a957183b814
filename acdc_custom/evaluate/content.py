"""An evaluation as `evaluation.json`, which loads back exactly, and as `evaluation.csv`.

Owns the form of both (schema 1). Every record is an object with the names of its fields; nodes and edges have their
names.
"""

from __future__ import annotations

import csv
import io
import json
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from shlex import quote
from typing import Any, get_args, get_origin, get_type_hints

from acdc_custom.evaluate.kinds import Subject
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.files.reading import read_record, shortened
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.stats.intervals import Estimate
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME, CSV_NAME = "evaluation.json", "evaluation.csv"
LARGEST = 1e12  # of anything measured: logits, nats and shares are far below
COLUMNS = ("prompts", "kind", "n", "edges", "n_edges", "measure", "value", "low", "high")


def save(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write both files; gives their paths. Raises `ResultError`."""
    folder = Path(folder)
    return [
        write_file(folder / JSON_NAME, to_json(evaluation)),
        write_file(folder / CSV_NAME, to_csv(evaluation)),
    ]


def to_json(evaluation: Evaluation) -> str:
    """The text of `evaluation.json`."""
    content = {"schema": SCHEMA, "acdc-custom": __version__, **_plain(evaluation)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(where: str | Path) -> Evaluation:
    """Read a folder's `evaluation.json`, or the file. Raises `ResultError` saying what is wrong with it."""
    path = Path(where)
    path = path / JSON_NAME if path.is_dir() else path
    return read_record(path, SCHEMA, f"Make it with: acdc-custom evaluate {quote(str(path.parent))}", _read_whole)


def _read_whole(content: dict[str, Any]) -> Evaluation:
    content.pop("acdc-custom", None)
    evaluation: Evaluation = _read(Evaluation, content, "")
    _check(evaluation)
    return evaluation


def to_csv(evaluation: Evaluation) -> str:
    """The text of `evaluation.csv`: one line for every measure of every set of edges on every set of prompts."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for on in evaluation.prompts:
        for measured in on.measured:
            for field in fields(measured.faithfulness):
                estimate = getattr(measured.faithfulness, field.name)
                row = (on.name, on.kind, on.n, measured.subject, measured.n_edges, field.name)
                writer.writerow([*row, *_numbers(estimate)])
    return file.getvalue()


def _numbers(estimate: Estimate | None) -> Iterator[float | str]:
    yield from ("", "", "") if estimate is None else (estimate.value, estimate.low, estimate.high)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case Edge():
            return {"sender": str(value.sender), "receiver": str(value.receiver)}
        case Sender():
            return str(value)
        case Enum():
            return value.value
        case tuple():
            return [_plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _read(kind: Any, content: Any, place: str) -> Any:
    """The inverse, by type. Raises `TypeError` or `ValueError` that names the place."""
    if isinstance(kind, types.UnionType):  # X | None
        return None if content is None else _read(get_args(kind)[0], content, place)
    if get_origin(kind) is tuple:
        if type(content) is not list:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected a list")
        return tuple(_read(get_args(kind)[0], item, f"{place}[{number}]") for number, item in enumerate(content))
    if kind is Sender:
        return Sender.parse(_read(str, content, place))
    if kind is Edge:
        if type(content) is not dict or set(content) != {"sender", "receiver"}:
            raise TypeError(f"{place} is no edge")
        return Edge(Sender.parse(str(content["sender"])), Receiver.parse(str(content["receiver"])))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        if type(content) is not dict or set(content) != set(hints):
            raise TypeError(f"{place or 'the file'} has to have exactly {', '.join(hints)}")
        build: Any = kind
        return build(**{name: _read(hint, content[name], f"{place}.{name}".strip(".")) for name, hint in hints.items()})
    if issubclass(kind, Enum):
        return kind(content)
    if type(content) is not kind and not (kind is float and type(content) is int):
        raise TypeError(f"{place} is {shortened(repr(content))}, expected {kind.__name__}")
    if kind is float and abs(content) > LARGEST:
        raise ValueError(f"{place} is {shortened(repr(content))}, which is too large")
    return content


def _check(evaluation: Evaluation) -> None:
    """Whether everything is there that an evaluation always has. Raises `ValueError`."""
    if not evaluation.prompts or not evaluation.examined:
        raise ValueError("it has no prompts, or none on which the circuit was taken apart")
    for on in evaluation.prompts:
        for subject in (Subject.MODEL, Subject.CIRCUIT, Subject.EMPTY):
            if on.of(subject) is None:
                raise ValueError(f"what {subject} does on {shortened(on.name)} is missing")
