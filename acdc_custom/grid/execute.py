"""Executing a grid: runs that have ended are left alone, and runs that fail do not stop the others.

Owns which runs of a grid are executed, and the record of the result of each. How they are executed is the executor's
business.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.grid.folder import GridFolder, has_ended
from acdc_custom.grid.plan import Grid
from acdc_custom.grid.progress import GridProgress, ProgressReader, RunEvent, State
from acdc_custom.grid.scheduling import Executor
from acdc_custom.grid.status import check_tasks
from acdc_custom.runs.job import Job
from acdc_custom.task import load_task


@dataclass(frozen=True)
class Ended:
    """What came of a job: a run folder with a circuit, or an `error` that says in a line why there is none."""

    job: Job
    folder: Path
    error: str = ""

    def circuit(self) -> Circuit:
        """The circuit that was found. Raises `ResultError` if there is none."""
        return Circuit.load(self.folder)


def run_grid(
    grid: Grid,
    folder: str | Path,
    executor: Executor,
    on_progress: Callable[[GridProgress], None] = lambda progress: None,
) -> list[Ended]:
    """Execute the runs of a grid in `folder`, each in the folder of its name; gives what came of each, in order.

    The plan is written before any run begins. The same grid in the same folder is resumed: runs that have ended are
    not done again, runs that were stopped resume from their journals, runs that failed are tried once more.
    `on_progress` is called at least every second. Raises an `AcdcError` when no run can begin: the folder holds
    something else, a task or a model is not there, or a task was edited since runs began with it.
    """
    folder = Path(folder)
    todo = [job for job in grid.jobs if not has_ended(folder, job.name)]
    tasks = {task: load_task(task) for task in dict.fromkeys(job.task for job in grid.jobs)}
    failures: dict[str, str] = {}
    states = {job.name: State.WAITING if job in todo else State.DONE for job in grid.jobs}
    reader = ProgressReader(folder, states)
    with GridFolder(folder, grid) as grid_folder:
        check_tasks(grid, folder, tasks)
        grid_folder.note_failures(failures)
        on_progress(reader.read(states))
        with closing(_events(executor, todo, folder)) as events:
            for event in events:
                if event is not None:
                    states[event.name] = event.state
                    if event.state is State.FAILED:
                        failures[event.name] = event.error
                        grid_folder.note_failures(failures)
                on_progress(reader.read(states))
    return [Ended(job, folder / job.name, failures.get(job.name, "")) for job in grid.jobs]


def _events(executor: Executor, jobs: list[Job], folder: Path) -> Generator[RunEvent | None, None, None]:
    if jobs:
        yield from executor.run(jobs, folder)
