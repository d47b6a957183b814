"""`acdc-custom status`: how far runs are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from acdc_custom.grid.progress import RunProgress
    from acdc_custom.grid.status import GridStatus


@click.command("status", short_help="Show the progress of runs.")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Show how far runs are: FOLDER is the folder of a sweep or a stability study, a run folder, or one with runs in
    it, such as results.

    For each run: whether it waits, is running, was stopped, is done or failed; how many of the edges are decided, how
    many were kept, the metric of the circuit so far, and how long the search has taken. Of all runs below a folder:
    state, edges, and the faithfulness on the test prompts. Works at any time, also while they are running.

    \b
    acdc-custom status results/stability_ioi_demo-4l_0.01
    acdc-custom status results
    """
    from acdc_custom.grid.folder import PLAN
    from acdc_custom.grid.status import grid_status, run_status
    from acdc_custom.runs.below import is_run, runs_below

    if (folder / PLAN).exists():
        lines = describe_grid(grid_status(folder), folder)
    elif not is_run(folder) and (found := list(runs_below(folder))):
        lines = describe_runs(found, folder)
    else:
        lines = describe_run(run_status(folder), folder)
    for line in lines:
        click.echo(line)


def describe_grid(status: GridStatus, folder: Path) -> Iterator[str]:
    """A line for all runs, one for each, one for each that failed, and what to do."""
    from acdc_custom.files.columns import left, right, table
    from acdc_custom.grid.progress import State

    progress = status.progress
    states = ", ".join(f"{n} {state.value}" for state in State if (n := progress.count(state)))
    n_runs, command = len(progress.runs), status.grid.kind.value
    yield f"Runs       {n_runs} of acdc-custom {command} in {folder}: {states}"
    columns = (left("Run"), left("State"), right("Decided"), right("Kept"), right("Metric"), right("Time"))
    yield from table(columns, [_cells(run, folder / run.name) for run in progress.runs])
    for name, error in status.failures.items():
        yield f"FAILED     {name}: {error}"
    if status.is_running:
        yield "Process    one is executing them now"
    elif progress.count(State.DONE) < len(progress.runs):
        yield f"Process    none. Resume with: acdc-custom resume {quote(str(folder))}"


def describe_runs(found: Sequence[Path], folder: Path) -> Iterator[str]:
    """A line for all, and one for each run below a folder; a sweep, a study or a path is one run of many."""
    from acdc_custom.errors import count
    from acdc_custom.files.columns import left, right, table

    yield f"Runs       {count(len(found), 'run')} below {folder}"
    columns = (left("Run"), left("State"), right("Edges"), right("Test faithfulness"))
    yield from table(columns, [_found_cells(path, path.relative_to(folder).as_posix()) for path in found])


def _found_cells(path: Path, name: str) -> list[str]:
    """Name, state, edges and faithfulness on the test prompts, empty where there is none."""
    from acdc_custom.circuit.circuit import FILE_NAME, Circuit
    from acdc_custom.errors import ResultError
    from acdc_custom.files.columns import whole
    from acdc_custom.grid.folder import PLAN
    from acdc_custom.grid.progress import State
    from acdc_custom.grid.status import grid_status, run_status
    from acdc_custom.path.folder import FILE_NAME as PATH
    from acdc_custom.path.folder import PathRecord
    from acdc_custom.runs.folder import REQUEST

    try:
        if (path / PLAN).exists():
            progress = grid_status(path).progress
            return [name, whole(f"{progress.count(State.DONE)} of {len(progress.runs)} done"), "", ""]
        if (path / FILE_NAME).exists():
            circuit = Circuit.load(path)
            tested = circuit.test.faithfulness if circuit.test else None
            low_high = tested and f"{tested.value:.0%} ({100 * tested.low:.0f} to {100 * tested.high:.0f})"
            return [name, State.DONE.value, f"{len(circuit.edges):,}", whole(low_high or "-")]
        if (path / PATH).exists():
            record = PathRecord.load(path)
            return [name, "done" if record.ended else "stopped", whole(f"{len(record.points)} circuits"), ""]
        run = run_status(path)
        decided = "" if run.metric is None else whole(f"{run.fraction:.0%} decided")
        return [name, run.state.value if (path / REQUEST).exists() else "empty", decided, ""]
    except ResultError:
        return [name, "damaged", "", ""]


def describe_run(run: RunProgress, folder: Path) -> Iterator[str]:
    """A run in two lines, and what to do."""
    from acdc_custom.files.columns import paragraph
    from acdc_custom.grid.progress import State
    from acdc_custom.grid.status import search_seconds
    from acdc_custom.runs.folder import REQUEST

    yield f"Run        {folder}: {run.state.value}"
    if run.metric is None and run.state is not State.DONE:
        yield "Decided    nothing yet"
    elif run.metric is not None:
        of_all = f"{run.fraction:.0%} of {run.edges:,} edges" if run.edges else f"{run.decided:,} edges"
        if run.n_spans:
            of_all += f" at {run.n_spans} spans"
        elif run.in_positions:
            of_all += ", each counted once, whatever its spans"
        so_far = f"{of_all}; {run.kept:,} kept, metric {run.metric:.4f}, {_time(search_seconds(folder))}"
        yield from paragraph(so_far, "Decided    ", " " * 11)
    if run.state is State.STOPPED and not (folder / REQUEST).exists():
        yield "Process    none. It was killed before it had begun: give its discover command again"
    elif run.state is State.STOPPED:
        yield f"Process    none. Resume with: acdc-custom resume {quote(str(folder))}"
    elif run.state is State.DONE:
        yield f"See it with: acdc-custom show {quote(str(folder))}"


def _cells(run: RunProgress, folder: Path) -> list[str]:
    from acdc_custom.files.columns import whole
    from acdc_custom.grid.status import search_seconds

    named = [run.name, run.state.value]
    if run.metric is None:
        return [*named, "", "", "", ""]
    time = whole(_time(search_seconds(folder)))
    return [*named, f"{run.fraction:.0%}", f"{run.kept:,}", f"{run.metric:.4f}", time]


def _time(seconds: float | None) -> str:
    """`0:01:12`, or `3.4 s` for what is short."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
