"""Whether the runs that a grid's folder has were found with the tasks as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.provenance import TaskRecord
from acdc_custom.errors import ResultError, count
from acdc_custom.files.reading import shortened
from acdc_custom.grid.folder import has_ended
from acdc_custom.grid.plan import Grid
from acdc_custom.runs.folder import REQUEST, RunRequest
from acdc_custom.task import Task


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


def _task_of(folder: Path, name: str) -> TaskRecord | None:
    """What a run was begun with; None if it has not begun."""
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
