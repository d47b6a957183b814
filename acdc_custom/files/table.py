"""Results as rows of names and numbers: CSV files, tables in a notebook, DataFrames.

Owns these forms. Which rows there are is each result's business. pandas is imported only where a DataFrame is made.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acdc_custom.errors import UsageError
from acdc_custom.files.writing import write_file

Row = Mapping[str, str | int | float | None]  # None, or an empty text: nothing was measured

SHOWN = 20  # rows of a table in a notebook


def csv_text(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV under a header. `columns` are by default the keys of the first row, which all have then."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0] if columns is None else columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: str | Path, rows: Sequence[Row]) -> Path:
    """Write rows that have the same keys, whole or not at all, and make the folder. Raises `ResultError`."""
    return write_file(path, csv_text(rows))


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Any:
    """Rows as a pandas DataFrame; an empty text among numbers, where nothing was measured, is a missing value.

    Raises `UsageError` without pandas.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError(
            "a DataFrame needs pandas, which is not installed. Install it with: pip install pandas"
        ) from None
    names = list(rows[0] if rows else ()) if columns is None else list(columns)
    of_numbers = {name for name in names if any(isinstance(row[name], (int, float)) for row in rows)}
    return pandas.DataFrame(
        [{name: None if row[name] == "" and name in of_numbers else row[name] for name in names} for row in rows],
        columns=names,
    )


def records_of(given: Any) -> Any:
    """The rows of a DataFrame as mappings, and anything else as it is. A DataFrame is known by what it can do: pandas
    is not imported."""
    return given.to_dict("records") if hasattr(given, "to_dict") and hasattr(given, "columns") else given


def html_table(rows: Sequence[Mapping[str, Any]], caption: str = "", shown: int = SHOWN) -> str:
    """The first rows as an HTML table, escaped, with a line that counts the others."""
    head = "".join(f'<th style="text-align:left">{html.escape(str(name))}</th>' for name in (rows[0] if rows else ()))
    body = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in rows[:shown])
    title = f'<caption style="text-align:left">{html.escape(caption)}</caption>' if caption else ""
    more = f"<p>{len(rows) - shown:,} more rows: .frame() has all of them.</p>" if len(rows) > shown else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f'<td style="text-align:{"right" if number else "left"}">{html.escape(text)}</td>'


class Tabular:
    """A result that is a table: shown as one in a notebook, and a DataFrame for those who want it."""

    def to_rows(self) -> Sequence[Row]:
        """The rows, all with the same keys."""
        raise NotImplementedError

    def frame(self) -> Any:
        """A pandas DataFrame. Raises `UsageError` without pandas."""
        return data_frame(self.to_rows())

    def _repr_html_(self) -> str:
        return html_table(self.to_rows())
