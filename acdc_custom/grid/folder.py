"""The folder of a grid: `grid.json` before any work, a folder for each run, and the runs that failed.

Owns that a folder holds one grid and no other, that one process at a time executes it, and where everything is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from acdc_custom.circuit.circuit import FILE_NAME
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import claim_for_output
from acdc_custom.files.reading import read_record, shortened
from acdc_custom.files.records import Parts, to_json
from acdc_custom.files.writing import write_file
from acdc_custom.grid.plan import SCHEMA, Grid
from acdc_custom.runs.folder import JOURNAL

PLAN = "grid.json"
FAILURES = "failures.json"
LOG = "workers.log"  # what the processes of the runs print, if anything


def load_grid(folder: Path) -> Grid:
    """The grid of a folder. Raises `ResultError` if there is none, or if it is damaged."""
    return read_record(folder / PLAN, SCHEMA, f"{folder} holds no grid of runs.", Grid.from_content)


def load_failures(folder: Path) -> Mapping[str, str]:
    """Why runs of the grid failed, by name. Raises `ResultError` if the file is damaged."""
    path = folder / FAILURES
    if not path.exists():
        return {}
    said = "Delete it: runs that failed are tried once more in any case."
    return read_record(path, SCHEMA, said, lambda content: Parts(content).read("failures", dict[str, str]))


def has_ended(folder: Path, name: str) -> bool:
    """Whether a run has its circuit, which is the last that is written of it."""
    return (folder / name / FILE_NAME).exists()


class GridFolder:
    """A grid's folder, ours while it is used as a context. One that fails before any run begins leaves no trace.

    Raises `ResultError` if the folder cannot be written to, holds something else, or another process is using it.
    """

    def __init__(self, path: Path, grid: Grid) -> None:
        self.path, self.grid = path, grid
        self._is_new = not os.path.exists(path / PLAN)
        if self._is_new:
            for name in (FILE_NAME, JOURNAL):
                if os.path.exists(path / name):
                    raise ResultError(f"{path} holds a run, and no grid of runs. Give another folder with --out.")
        elif lost := load_grid(path).lost_in(grid):
            raise ResultError(
                f"{path} holds other runs than were asked for: {shortened('; '.join(lost), 500)}. Ask for the same "
                "ones and more, or give another folder with --out."
            )
        self._claim = claim_for_output(
            path, f"another process is executing the runs in {path}. Wait for it, or give another folder."
        )
        try:
            if self._is_new or load_grid(path).to_json() != grid.to_json():  # more runs, or other options
                write_file(path / PLAN, grid.to_json())
        except ResultError:
            self._claim.give_back()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        no_run = not any((self.path / job.name).exists() for job in self.grid.jobs)
        leave_no_trace = bool(failed) and self._is_new and no_run
        if leave_no_trace:
            with contextlib.suppress(OSError):
                for name in (PLAN, FAILURES, LOG):
                    (self.path / name).unlink(missing_ok=True)
        self._claim.give_back()
        if leave_no_trace:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def note_failures(self, failures: Mapping[str, str]) -> None:
        """Write down why runs failed; nothing, if none did. Raises `ResultError`."""
        if failures:
            write_file(self.path / FAILURES, to_json(SCHEMA, {"failures": failures}))
        else:
            (self.path / FAILURES).unlink(missing_ok=True)
