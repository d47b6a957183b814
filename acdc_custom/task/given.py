"""Whatever a user has a task as, made a Task: a name, a file, a pandas DataFrame, or a list of rows.

Owns telling these apart, and a task whose rows were never in a file. What the keys of a row mean is `forms.py`'s
business.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from acdc_custom.choices import Metric
from acdc_custom.errors import TaskError, UsageError
from acdc_custom.files.reading import described, shortened
from acdc_custom.files.table import records_of
from acdc_custom.task.find import load_task as load_task_file
from acdc_custom.task.forms import KEYS
from acdc_custom.task.parse import ROWS_CORRUPTION
from acdc_custom.task.rows import rows_of
from acdc_custom.task.spec import Spec
from acdc_custom.task.task import Task

IN_MEMORY = "rows"  # what a task of rows is called if nobody names it
ALLOWED = (
    "the name of a built-in task, the path of a task file, a Task, or rows: a DataFrame, or a list of them, each with "
    f"{', '.join(KEYS)}"
)


def load_task(given: Any, name: str = "") -> Task:
    """A task from its name, the path of its TOML file, or rows.

    Rows are a pandas DataFrame with the columns clean, corrupted, answer and foil, or a list of mappings with these
    keys or of tuples in this order; the forms of other projects are read as in a rows file. `name` is what a task of
    rows is called in results. Raises `TaskError` for a task that cannot be right, `UsageError` for anything else.
    """
    if isinstance(given, Task):
        return given
    if isinstance(given, (str, Path)):
        return load_task_file(given)
    rows = records_of(given)
    if isinstance(rows, Iterable) and not isinstance(rows, (Mapping, bytes)):
        return _of_rows(_plain(rows), name or IN_MEMORY)
    raise UsageError(f"{described(given)} is no task. Give {ALLOWED}.")


def _plain(rows: Iterable[Any]) -> list[Mapping[str, Any]]:
    """Rows as a rows file has them: mappings of texts to what JSON holds."""
    plain = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, (tuple, list)) and len(row) == len(KEYS):
            row = dict(zip(KEYS, row, strict=True))
        if not isinstance(row, Mapping):
            raise TaskError(f"row {number}: {shortened(repr(row), 60)} is no row. Give {', '.join(KEYS)} of each.")
        try:
            plain.append(json.loads(json.dumps(dict(row), default=_number)))
        except (TypeError, ValueError, RecursionError) as error:
            raise TaskError(f"row {number}: {error}") from None
    return plain


def _number(value: Any) -> Any:
    """A number of numpy's, or a list of them, as Python has it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{described(value)} is neither a text nor a number")


def _of_rows(rows: list[Mapping[str, Any]], name: str) -> Task:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    digest = hashlib.sha256(text.encode()).hexdigest()
    records = ((f"row {number}", "column", row) for number, row in enumerate(rows, 1))
    prompts = rows_of(name, name, digest, records)
    spec = Spec("rows given in Python", "", "", None, Metric.KL.value, ROWS_CORRUPTION, {}, prompts)
    return Task(name, name, Path(name), text, digest, spec)
