"""Runs as they lie in their folders, seen by somebody who does not carry them out.

Owns how far a run is, and whether anybody is at it: the process that does a run, or that carries out a grid, has
claimed the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import is_claimed
from acdc_custom.grid.folder import PLAN, load_failures, load_grid
from acdc_custom.grid.plan import Grid
from acdc_custom.grid.progress import GridProgress, ProgressReader, RunProgress
from acdc_custom.grid.state import State
from acdc_custom.runs.folder import JOURNAL, REQUEST


@dataclass(frozen=True)
class GridStatus:
    """A grid's folder: how far its runs are, why some failed, and whether a process carries it out now."""

    grid: Grid
    progress: GridProgress
    failures: Mapping[str, str]
    is_at_work: bool


def look_at_grid(folder: Path) -> GridStatus:
    """How far a grid is. Raises `ResultError` if the folder holds none."""
    grid, failures = load_grid(folder), load_failures(folder)
    states = {job.name: _state(folder / job.name, failures) for job in grid.jobs}
    failed = {name: failures[name] for name, state in states.items() if state is State.FAILED}
    return GridStatus(grid, ProgressReader(folder, states).look(states), failed, is_claimed(folder))


def look_at_run(folder: Path) -> RunProgress:
    """How far a run is. Raises `ResultError` if the folder holds none."""
    state = _state(folder, {})
    if state is State.WAITING:
        raise ResultError(f"{folder} holds no runs: there is no {JOURNAL} and no {PLAN} in it.")
    (run,) = ProgressReader(folder.parent, [folder.name]).look({folder.name: state}).runs
    return run


def seconds_of(folder: Path) -> float | None:
    """How long the search of a run took, or has taken until its last decision; None before the first. Raises
    `ResultError` for a circuit that is damaged."""
    if (folder / FILE_NAME).exists():
        return Circuit.load(folder).search.seconds
    try:
        journal, began = (folder / JOURNAL).stat(), (folder / REQUEST).stat().st_mtime
    except OSError:
        return None
    return max(0.0, journal.st_mtime - began) if journal.st_size else None


def _state(folder: Path, failures: Mapping[str, str]) -> State:
    journal = folder / JOURNAL
    if (folder / FILE_NAME).exists():
        return State.DONE
    if journal.exists() and is_claimed(folder):
        return State.RUNNING
    if folder.name in failures:
        return State.FAILED
    return State.STOPPED if journal.exists() else State.WAITING
