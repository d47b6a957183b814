"""Results as files: rows of names and numbers as CSV, and any text, whole or not at all.

Owns the writing. Which rows there are is each result's business.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from acdc_custom.circuit import write_atomically
from acdc_custom.errors import ResultError

Row = Mapping[str, str | int | float]


def write_csv(path: str | Path, rows: Sequence[Row]) -> Path:
    """Write rows that have the same keys, whole or not at all, and make the folder. Raises `ResultError`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(path, text.getvalue())


def write_text(path: str | Path, content: str) -> Path:
    """Write a file, whole or not at all, and make its folder. Raises `ResultError`."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise ResultError(f"{path} could not be written: {error.strerror}.") from error
    return path
