"""What results have in common as tables: rows of names and numbers, and their CSV file.

Owns the file. Which rows there are is each result's business.
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
    path = Path(path)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.getvalue())
    except OSError as error:
        raise ResultError(f"{path} could not be written: {error.strerror}.") from error
    return path
