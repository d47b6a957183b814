"""What the commands of many runs share: executing them with a progress display, and reporting those that failed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Self

import click

from acdc_custom.errors import SearchError, count

if TYPE_CHECKING:
    from acdc_custom.cli.options import ExecutorChoice
    from acdc_custom.grid import Ended, Grid
    from acdc_custom.grid.progress import GridProgress

MOST_LINES = 16  # of running runs: more would not fit on a screen


def execute(grid: Grid, folder: Path, choice: ExecutorChoice) -> list[Ended]:
    """Execute the runs, with a progress bar for all and a line for each that is running; report which failed."""
    from acdc_custom.grid import run_grid

    click.echo(f"Runs       {len(grid.jobs)}, in {folder}")
    try:
        with Bars() as bars:
            ended = run_grid(grid, folder, choice.executor(), bars)
    except KeyboardInterrupt:
        raise click.Abort(f"stopped. Resume with: {_resume_command(folder)}") from None
    for run in ended:
        if run.error:
            click.echo(f"FAILED     {run.job.name}: {run.error}")
    return ended


def check_ended(ended: Sequence[Ended], folder: Path) -> None:
    """To be called last, when all that can be shown has been. Raises `SearchError` if a run failed."""
    if failed := [run.job.name for run in ended if run.error]:
        raise SearchError(
            f"{count(len(failed), 'run')} of {len(ended)} in {quote(str(folder))} failed: {', '.join(failed)}. Try "
            f"them once more with: {_resume_command(folder)}"
        )


def _resume_command(folder: Path) -> str:
    return f"acdc-custom resume {quote(str(folder))}"


class Bars:
    """Call it with the progress of a grid: a bar for all runs, and below it a line for each that is running."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._all: Any = None
        self._lines: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, progress: GridProgress) -> None:
        from acdc_custom.grid.progress import State
        from acdc_custom.progress.display import new_bar

        total = len(progress.runs)
        if self._all is None:
            what = f"{progress.count(State.DONE)} of {total} runs"
            self._all = self._add(new_bar(total, what, initial=progress.completed, bar_format=_form()))
        decided = sum(run.decided for run in progress.runs)
        self._all.set_description_str(f"{progress.count(State.DONE)} of {total} runs", refresh=False)
        self._all.set_postfix_str(f"{decided:,} edges decided", refresh=False)
        self._all.update(progress.completed - self._all.n)
        if not sys.stderr.isatty():
            return
        self._all.refresh()
        running = [run for run in progress.runs if run.state is State.RUNNING][:MOST_LINES]
        while len(self._lines) < len(running):
            self._lines.append(self._add(new_bar(0, "", bar_format="{desc}", position=len(self._lines) + 1)))
        for number, line in enumerate(self._lines):
            text = ""
            if number < len(running):
                run = running[number]
                text = f"  {run.name:<24} " + (
                    "starting"
                    if run.metric is None
                    else f"{run.fraction:4.0%}, {run.kept} kept, metric {run.metric:.4f}"
                )
            line.set_description_str(text)

    def _add(self, bar: Any) -> Any:
        self._stack.callback(bar.close)
        return bar


def _form() -> str:
    """How far all runs are, as a bar where there is a terminal for it."""
    bar = "|{bar}|" if sys.stderr.isatty() else ","
    return "{desc} {percentage:3.0f}%" + bar + " {elapsed}<{remaining}{postfix}"
