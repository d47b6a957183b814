"""The runs of a grid as their folders show them, to a process that may not be the one that executes them.

Owns how far a run is, whether a process is running it (which has then claimed the folder),
and whether the task is still the one with which it began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.circuit.provenance import TaskRecord
from acdc_custom.errors import ResultError, count
from acdc_custom.files.claim import is_claimed
from acdc_custom.files.reading import shortened
from acdc_custom.grid.folder import PLAN, has_ended, load_failures, load_grid
from acdc_custom.grid.plan import Grid
from acdc_custom.grid.progress import GridProgress, ProgressReader, RunProgress, State
from acdc_custom.runs.folder import JOURNAL, REQUEST, RunRequest
from acdc_custom.task import Task


@dataclass(frozen=True)
class GridStatus:
    """A grid's folder: how far its runs are, why some failed, and whether a process is running it now."""

    grid: Grid
    progress: GridProgress
    failures: Mapping[str, str]
    is_running: bool


def grid_status(folder: str | Path) -> GridStatus:
    """How far a grid is: a sweep, or a stability study. Raises `ResultError` if the folder holds none."""
    folder = Path(folder)
    grid, failures = load_grid(folder), load_failures(folder)
    states = {job.name: _state(folder / job.name, failures) for job in grid.jobs}
    failed = {name: failures[name] for name, state in states.items() if state is State.FAILED}
    return GridStatus(grid, ProgressReader(folder, states).read(states), failed, is_claimed(folder))


def run_status(folder: str | Path) -> RunProgress:
    """How far a run is. Raises `ResultError` if the folder holds none."""
    folder = Path(folder)
    state = _state(folder, {})
    if state is State.WAITING:
        raise ResultError(f"{folder} holds no runs: there is no {JOURNAL} and no {PLAN} in it.")
    (run,) = ProgressReader(folder.parent, [folder.name]).read({folder.name: state}).runs
    return run


def search_seconds(folder: Path) -> float | None:
    """How long the search of a run took, or has taken until its last decision; None before the first. Raises
    `ResultError` for a circuit that is damaged."""
    if (folder / FILE_NAME).exists():
        return Circuit.load(folder).search.seconds
    try:
        journal, began = (folder / JOURNAL).stat(), (folder / REQUEST).stat().st_mtime
    except OSError:
        return None
    return max(0.0, journal.st_mtime - began) if journal.st_size else None


def check_tasks(grid: Grid, folder: Path, tasks: Mapping[str, Task]) -> None:
    """Raises `ResultError` if a task was edited since runs began with it; `tasks` by name, as jobs have it."""
    for name, task in tasks.items():
        begun = {job.name: _task_of(folder, job.name) for job in grid.jobs if job.task == name}
        changed = {run: before for run, before in begun.items() if before and before.sha256 != task.sha256}
        if changed:
            first = next(iter(changed.values()))
            raise ResultError(
                f"the task {name} was edited after {count(len(changed), 'run')} in {folder} had begun with it "
                f"({_difference(first.text, task.text)}): {shortened(', '.join(changed), 200)}. Undo that, or give "
                "another folder with --out."
            )


def _state(folder: Path, failures: Mapping[str, str]) -> State:
    journal = folder / JOURNAL
    if (folder / FILE_NAME).exists():
        return State.DONE
    if journal.exists() and is_claimed(folder):
        return State.RUNNING
    if folder.name in failures:
        return State.FAILED
    return State.STOPPED if journal.exists() else State.WAITING


def _task_of(folder: Path, name: str) -> TaskRecord | None:
    """The task with which a run began; None if it has not begun."""
    if has_ended(folder, name):
        return Circuit.load(folder / name).task
    if (folder / name / REQUEST).exists():
        return RunRequest.load(folder / name).provenance.task
    return None


def _difference(before: str, now: str) -> str:
    lines = enumerate(zip_longest(before.splitlines(), now.splitlines(), fillvalue=""), 1)
    for number, (old, new) in lines:
        if old != new:
            before, now = (shortened(line.strip()) or "empty" for line in (old, new))
            return f"line {number} was: {before}, and is: {now}"
    return "its rows"
