"""Texts that a model is given to read: a file of them, or a list.

Owns the form of such files and its errors. Knows nothing of tokens or models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.task.records import decode, jsonl_records, read_bytes

KEY = "text"
EXAMPLE = '{"text": "The river froze in the night."}'


@dataclass(frozen=True)
class Texts:
    """Texts, none of them blank, each with its line in the file; `sha256` is that of all of them."""

    name: str
    lines: tuple[int, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str], name: str = "the given texts") -> Texts:
        """Texts that are in memory, counted from 1; blank ones are left out. Raises `UsageError` if none is left."""
        return _kept(name, list(enumerate(texts, 1)))

    @property
    def sha256(self) -> str:
        """The same lines with the same texts, the same value."""
        content = "\n".join(f"{line} {text!r}" for line, text in zip(self.lines, self.texts, strict=True))
        return hashlib.sha256(content.encode()).hexdigest()


def read_texts(path: Path) -> Texts:
    """Read a file: one text per line, or, if its name ends in .jsonl, one object with a `text` per line. Blank lines
    and texts are left out. Raises `TaskError` for a file that cannot be read, `UsageError` for one without a text."""
    file = str(path)
    content = decode(read_bytes(path), file)
    if path.suffix.lower() != ".jsonl":
        return _kept(file, list(enumerate(content.removeprefix("\ufeff").splitlines(), 1)))
    found = []
    for place, _, record in jsonl_records(content, file, EXAMPLE):
        if not isinstance(record.get(KEY), str):
            keys = ", ".join(record) or "none"
            raise TaskError(f'{file}, {place}: no "{KEY}" that is a text; its keys are: {keys}', EXAMPLE)
        found.append((int(place.removeprefix("line ")), record[KEY]))
    return _kept(file, found)


def _kept(file: str, found: Sequence[tuple[int, str]]) -> Texts:
    kept = [(line, text) for line, text in found if text.strip()]
    if not kept:
        raise UsageError(f"{file}: there is no text. A file has one text per line, or JSONL such as {EXAMPLE}")
    return Texts(Path(file).name, *(tuple(column) for column in zip(*kept, strict=True)))
