"""`acdc-custom resume`: resume a run, or many, that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.cli.options import ExecutorChoice, executor_options
from acdc_custom.cli.quiet import say_loading
from acdc_custom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.grid import Ended, Grid, Kind
    from acdc_custom.runs.run import Run


@click.command("resume", short_help="Resume an interrupted run, sweep or stability study.")
@click.argument("folder", type=click.Path(path_type=Path))
@executor_options
def command(folder: Path, choice: ExecutorChoice) -> None:
    """Resume what was stopped or killed: FOLDER is a run folder, or that of a sweep or a stability study.

    A run ends with the circuit that it would have found without the interruption. If the task, the model's weights, a
    setting or a version has changed, it is refused and the difference is shown. Of many runs those that have ended are
    left alone, those that failed are tried once more, and at the end all of them are analysed again. The options are
    for many runs only.

    \b
    acdc-custom resume results/ioi_smollm2-135m_0.01
    acdc-custom resume results/stability_ioi_demo-4l_0.01 --workers 2
    """
    from acdc_custom.grid.folder import PLAN
    from acdc_custom.path.folder import FILE_NAME as PATH

    if (folder / PLAN).exists():
        _resume_grid(folder, choice)
    elif (folder / PATH).exists() and choice == ExecutorChoice():
        _resume_path(folder)
    elif choice != ExecutorChoice():
        raise UsageError(f"{folder} is not a folder of many runs: --executor, --workers and the like are for these.")
    else:
        resume_run(folder)


def conclusions() -> Mapping[Kind, Callable[[Grid, Path, Sequence[Ended]], None]]:
    """What the command of each kind of grid does once the runs have ended: analyse, write and show them."""
    from acdc_custom.cli import stability, sweep
    from acdc_custom.grid import Kind

    return {Kind.SWEEP: sweep.conclude, Kind.STABILITY: stability.conclude}


def _resume_grid(folder: Path, choice: ExecutorChoice) -> None:
    from acdc_custom.cli.grids import execute
    from acdc_custom.grid.folder import load_grid

    grid = load_grid(folder)
    conclude = conclusions()[grid.kind]
    conclude(grid, folder, execute(grid, folder, choice))


def _resume_path(folder: Path) -> None:
    from acdc_custom.cli.paths import walk_path
    from acdc_custom.errors import ResultError
    from acdc_custom.path.folder import PathRecord

    record = PathRecord.load(folder)
    if record.ended:
        raise ResultError(f"the path in {folder} has ended: there is nothing to resume.")
    walk_path(folder, record)


def resume_run(folder: Path) -> tuple[Run, Circuit]:
    """Go on with a run that was stopped, and show it."""
    from acdc_custom.cli.running import open_told, run_search
    from acdc_custom.runs.again import check_begun
    from acdc_custom.runs.folder import RunFolder, RunRequest

    check_begun(folder)
    with RunFolder.reopen(folder) as run_folder:
        request = RunRequest.load(folder)
        say_loading(request.model)
        from acdc_custom.runs.run import resume

        run = resume(run_folder, request, open_told)
        # In positions, an edge is decided at each span.
        of = "edges at spans" if run.settings.positions else f"of {request.edges:,} edges"
        click.echo(f"Resumed    {len(run.earlier):,} {of} had been decided")
        return run, run_search(run)
