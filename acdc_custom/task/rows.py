"""The rows file of a task: prompts one by one, in JSONL, CSV or JSON, in our form or another project's.

Owns which rows such a file has. What the keys of a row mean is `forms.py`'s business. Knows nothing of task files or of
tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.errors import TaskError
from acdc_custom.files.reading import parse_json, shortened
from acdc_custom.task.forms import EXAMPLE, Content, Reader, RowForm, Target, content_of, is_index, reader_of
from acdc_custom.task.records import Record, csv_records, decode, jsonl_records, read_bytes
from acdc_custom.task.spec import PromptRow, RowSpec

SUFFIXES = (".jsonl", ".csv", ".json")
# What auto-circuit keeps beside its prompts: names for positions, which differ from ours.
BESIDE_PROMPTS = ("seq_labels", "word_idxs")

_Row = tuple[str, str, tuple[Target, ...], tuple[Target, ...]]  # clean, corrupted, answer, foil


def read_rows(path: Path, task_file: str) -> RowSpec:
    """Read a rows file that the task file `task_file` names."""
    file = str(path)
    if path.suffix.lower() not in SUFFIXES:
        raise TaskError(f'{task_file}: rows: "{path.name}" has to end in .jsonl, .csv or .json')
    data = read_bytes(path, f"{task_file}: rows: ")
    records = _records(path.suffix.lower(), decode(data, file), file)
    return rows_of(file, path.name, hashlib.sha256(data).hexdigest(), records)


def rows_of(file: str, name: str, sha256: str, records: Iterable[Record]) -> RowSpec:
    """What records say; `file` and `name` are what errors and notes call the place where they are from."""
    reader: Reader | None = None
    found = _Found({}, {}, 0, 0)
    for place, word, record in records:
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
        raise TaskError(f"{file}: there are no rows (example of one: {EXAMPLE})")
    rows = tuple(PromptRow(place, *row) for row, place in found.places.items())
    notes = () if reader.form is RowForm.OWN else tuple(found.notes(name, reader))
    return RowSpec(file, sha256, rows, reader.form, notes)


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
        if unread := [shortened(key) for key in self.unread if not is_index(key)]:
            yield f"Not read from it: {', '.join(unread)}."
        if self.repeated:
            yield f"Repeated rows, left out: {self.repeated}."
        if self.without:
            yield f"Rows without a corrupted prompt, left out: {self.without}."


def _records(suffix: str, text: str, file: str) -> Iterator[Record]:
    match suffix:
        case ".jsonl":
            return jsonl_records(text, file, EXAMPLE)
        case ".csv":
            return csv_records(text, file, lambda columns: reader_of(columns, "column"))
        case _:
            return _json_records(text, file)


def _json_records(text: str, file: str) -> Iterator[Record]:
    """A file of auto-circuit: one object, with the rows as a list."""
    expected = (
        'expected an object with a list "prompts", as auto-circuit writes it; for one object per line, use .jsonl'
    )
    try:
        content = parse_json(text.removeprefix("\ufeff"))
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
