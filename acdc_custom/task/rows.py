"""The rows file of a task: prompts one by one, in JSONL, CSV or JSON, in our form or another project's.

Owns reading such a file and its errors, which name the file and the line. What the keys of a row mean is `forms.py`'s
business. Knows nothing of task files or of tokens.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.errors import TaskError
from acdc_custom.reading import parse_json, read_regular, shortened
from acdc_custom.task.forms import EXAMPLE, KEYS, Content, Reader, RowForm, Target, content_of, reader_of
from acdc_custom.task.spec import Row, RowSpec

# What auto-circuit keeps beside its prompts: names for positions, which differ from ours.
BESIDE_PROMPTS = ("seq_labels", "word_idxs")

_Record = tuple[str, str, Mapping[str, Any]]  # a row's place in the file, what its keys are called there, and the row
_Row = tuple[str, str, tuple[Target, ...], tuple[Target, ...]]  # clean, corrupted, answer, foil


def read_rows(path: Path, task_file: str) -> RowSpec:
    """Read a rows file that the task file `task_file` names."""
    file = str(path)
    records = {".jsonl": _jsonl, ".csv": _csv, ".json": _json}.get(path.suffix.lower())
    if records is None:
        raise TaskError(f'{task_file}: rows: "{path.name}" has to end in .jsonl, .csv or .json')
    data = read_bytes(path, f"{task_file}: rows: ")
    reader: Reader | None = None
    found = _Found({}, {}, 0, 0)
    for place, word, record in records(decode(data, file).removeprefix("\ufeff"), file):
        where = f"{file}, {place}"
        try:
            own = reader_of(record, word)
            content = content_of(record, own)
        except ValueError as error:
            raise TaskError(f"{where}: {error}") from None
        reader = reader or own
        if own != reader:
            raise TaskError(f"{where}: read by {', '.join(own.keys)}, but the rows before by {', '.join(reader.keys)}")
        found.add(place, where, reader, content, record)
    if reader is None or not found.places:
        raise TaskError(f"{file}: no rows in this file (example of one: {EXAMPLE})")
    rows = tuple(Row(place, *row) for row, place in found.places.items())
    notes = () if reader.form is RowForm.OWN else tuple(found.notes(path.name, reader))
    return RowSpec(file, hashlib.sha256(data).hexdigest(), rows, reader.form, notes)


@dataclass
class _Found:
    """The rows so far, and what was found beside them."""

    places: dict[_Row, str]  # each row once, with its place in the file
    unread: dict[str, None]  # keys that are in the file, and not read
    repeated: int
    without: int  # a corrupted prompt

    def add(self, place: str, where: str, reader: Reader, content: Content | None, record: Mapping[str, Any]) -> None:
        """One more row. Raises `TaskError` for one that no tokenizer can make anything of."""
        self.unread |= dict.fromkeys(key for key in record if key not in reader.keys)
        if content is None:
            self.without += 1
            return
        for name, prompt in (("clean", content.clean), ("corrupted", content.corrupted)):
            if not prompt.strip():
                raise TaskError(f'{where}: "{name}" is an empty prompt (example: {EXAMPLE})')
        first = self.places.setdefault((content.clean, content.corrupted, content.answer, content.foil), place)
        if first != place and reader.form is RowForm.OWN:
            raise TaskError(f"{where}: the same row as {first}: {content.clean!r}")
        self.repeated += first != place

    def notes(self, name: str, reader: Reader) -> Iterator[str]:
        """What one should know of a file in another project's form."""
        n_rows = f"{len(self.places)} row{'s' * (len(self.places) > 1)}"
        yield f"{name}: {n_rows} in the form of {reader.form}, read by {', '.join(reader.keys)}."
        if unread := [shortened(key) for key in self.unread if key]:
            yield f"Not read from it: {', '.join(unread)}."
        if self.repeated:
            yield f"Repeated rows, left out: {self.repeated}."
        if self.without:
            yield f"Rows without a corrupted prompt, left out: {self.without}."


def read_bytes(path: Path, prefix: str = "") -> bytes:
    """A file's bytes, or an error in words."""
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise TaskError(f"{prefix}there is no file {path}") from None
    except IsADirectoryError:
        raise TaskError(f"{prefix}{path} is a folder; name the file itself") from None
    except OSError as error:
        raise TaskError(f"{prefix}{path} cannot be read: {error.strerror}") from None


def decode(data: bytes, file: str) -> str:
    """UTF-8 text, or an error that says where it is not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TaskError(f"{file}, line {line}: not UTF-8 text; save the file as UTF-8") from None


def _jsonl(text: str, file: str) -> Iterator[_Record]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            value = parse_json(content)
        except ValueError as error:
            problem = getattr(error, "msg", str(error))  # the parser's own, without its second count of lines
            raise TaskError(f"{file}, line {line}: not JSON: {problem} (example: {EXAMPLE})") from None
        if not isinstance(value, dict):
            raise TaskError(f"{file}, line {line}: not an object with {', '.join(KEYS)} (example: {EXAMPLE})")
        yield f"line {line}", "key", value


def _json(text: str, file: str) -> Iterator[_Record]:
    """A file of auto-circuit: one object, with the rows as a list."""
    expected = (
        'expected an object with a list "prompts", as auto-circuit writes it; for one object per line, use .jsonl'
    )
    try:
        content = parse_json(text)
    except ValueError as error:
        raise TaskError(f"{file}: not JSON: {error} ({expected})") from None
    prompts = content.get("prompts") if isinstance(content, dict) else None
    if not isinstance(prompts, list):
        raise TaskError(f"{file}: {expected}")
    for key in content:
        if key not in ("prompts", *BESIDE_PROMPTS):
            raise TaskError(
                f'{file}: unknown key "{shortened(key)}" beside "prompts". Allowed: {", ".join(BESIDE_PROMPTS)}'
            )
    for number, value in enumerate(prompts, 1):
        if not isinstance(value, dict):
            raise TaskError(f"{file}, prompt {number}: {shortened(repr(value))} is not an object")
        yield f"prompt {number}", "key", value


def _csv(text: str, file: str) -> Iterator[_Record]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = reader.fieldnames
        if columns is None:
            return
        for column in columns:
            if columns.count(column) > 1:
                raise TaskError(f'{file}, line 1: the column "{column}" is there twice')
        try:
            reader_of(columns, "column")
        except ValueError as error:
            raise TaskError(f"{file}, line 1: {error}") from None
        for record in reader:
            if None in record or None in record.values():
                raise TaskError(
                    f"{file}, line {reader.line_num}: not {len(columns)} columns; quote a text that has a comma"
                )
            yield f"line {reader.line_num}", "column", record
    except csv.Error as error:
        raise TaskError(f"{file}, line {reader.reader.line_num}: not CSV: {error}") from None
