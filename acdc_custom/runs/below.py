"""The runs in a folder and in those below it.

Owns which folder is a run's, by the files in it. A folder of many runs, a sweep's or a path's, counts as one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME
from acdc_custom.runs.folder import JOURNAL

OF_MANY = ("grid.json", "path.json")  # what says that the runs below belong together


def is_run(folder: Path) -> bool:
    """Whether it is a run's."""
    return any((folder / name).exists() for name in (FILE_NAME, JOURNAL))


def runs_below(folder: Path) -> Iterator[Path]:
    """All of them, in the order of their names; none within another's."""
    for where, below, names in os.walk(folder):
        below.sort()
        if {FILE_NAME, JOURNAL, *OF_MANY} & set(names):
            yield Path(where)
            below.clear()
