"""Results as files: rows of names and numbers as CSV.

Owns the writing. Which rows there are is each result's business.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from acdc_custom.files.writing import write_file

Row = Mapping[str, str | int | float]


def write_csv(path: str | Path, rows: Sequence[Row]) -> Path:
    """Write rows that have the same keys, whole or not at all, and make the folder. Raises `ResultError`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_file(path, text.getvalue())
