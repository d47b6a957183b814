"""`acdc-custom status`: how far runs are."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Show how far runs are: FOLDER is the folder of a sweep or a stability study, or a run folder.

    For each run: whether it waits, is running, was stopped, is done or failed; how many of the edges are decided, how
    many were kept, the metric of the circuit so far, and how long the search has taken. Works at any time, also
    while they are running.

    \b
    acdc-custom status results/stability_ioi_demo-4l_0.01
    """
    from acdc_custom.grid.folder import PLAN
    from acdc_custom.grid.status import grid_status, run_status

    if (folder / PLAN).exists():
        lines = describe_grid(grid_status(folder), folder)
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


def describe_run(run: RunProgress, folder: Path) -> Iterator[str]:
    """A run in two lines, and what to do."""
    from acdc_custom.grid.progress import State
    from acdc_custom.grid.status import search_seconds

    yield f"Run        {folder}: {run.state.value}"
    if run.metric is None and run.state is not State.DONE:
        yield "Decided    nothing yet"
    elif run.metric is not None:
        of_all = f"{run.fraction:.0%} of {run.edges:,} edges" if run.edges else f"{run.decided:,} edges"
        yield f"Decided    {of_all}; {run.kept:,} kept, metric {run.metric:.4f}, {_time(search_seconds(folder))}"
    if run.state is State.STOPPED:
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
