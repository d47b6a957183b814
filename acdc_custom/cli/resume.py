"""`acdc-custom resume`: go on with a run, or with many, that was killed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from acdc_custom.cli.options import ExecutorChoice, executor_options
from acdc_custom.errors import UsageError


@click.command("resume", short_help="Go on with a run, or many, that was stopped.")
@click.argument("folder", type=click.Path(path_type=Path))
@executor_options
def command(folder: Path, choice: ExecutorChoice) -> None:
    """Go on with what was stopped or killed: FOLDER is a run folder, or that of a sweep or a stability study.

    A run ends with the circuit that it would have found without the interruption. If the task, the model's weights, a
    setting or a version is no longer what it was, it is refused and the difference is shown. Of many runs those that
    have ended are left alone, those that failed are tried once more, and at the end the whole is looked at again. The
    options are for many runs only.

    \b
    acdc-custom resume results/ioi_smollm2-135m_0.01
    acdc-custom resume results/stability_ioi_demo-4l_0.01 --workers 2
    """
    from acdc_custom.grid.folder import PLAN

    if (folder / PLAN).exists():
        _resume_grid(folder, choice)
    elif choice != ExecutorChoice():
        raise UsageError(f"{folder} is not a folder of many runs: --executor, --workers and the like are for these.")
    else:
        _resume_run(folder)


def _resume_grid(folder: Path, choice: ExecutorChoice) -> None:
    from acdc_custom.cli.grids import execute
    from acdc_custom.grid.folder import load_grid

    grid = load_grid(folder)
    # The command that planned the runs is a module of its kind's name, and says what becomes of them.
    analysis = import_module(f"acdc_custom.cli.{grid.kind.value}")
    analysis.conclude(grid, folder, execute(grid, folder, choice))


def _resume_run(folder: Path) -> None:
    from acdc_custom.cli.running import open_told, run_search
    from acdc_custom.runs.folder import RunFolder, RunRequest

    with RunFolder.reopen(folder) as run_folder:
        request = RunRequest.load(folder)
        click.echo(f"Model      {request.model}, loading ...", err=True)
        from acdc_custom.runs.run import resume

        run = resume(run_folder, request, open_told)
        click.echo(f"Resumed    {len(run.earlier):,} of {request.edges:,} edges had been decided")
        run_search(run)
