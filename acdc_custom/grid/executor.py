"""What it takes to carry out the runs of a grid, wherever that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from acdc_custom.grid.state import RunEvent
from acdc_custom.runs.job import Job


class Executor(Protocol):
    """Carries out runs: on this machine (`local.py`), or on many."""

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """Do every job in the folder of its name within `folder`; gives the news, and at least every second nothing.

        A job that has begun goes on. Whoever closes the iterator stops everything. Raises an `AcdcError` where no
        job at all can be done.
        """
        ...
