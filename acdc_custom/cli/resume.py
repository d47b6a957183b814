"""`acdc-custom resume`: go on with a run that was killed."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("resume", short_help="Go on with a run that was stopped.")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Go on with a run that was stopped or killed: FOLDER is its run folder.

    Ends with the circuit that the run would have found without the interruption. If the task, the model's weights, a
    setting or a version is no longer what it was, the run is refused and the difference is shown.

    \b
    acdc-custom resume results/ioi_smollm2-135m_0.01
    """
    from acdc_custom.cli.running import open_told, run_search
    from acdc_custom.run_folder import Request, RunFolder

    with RunFolder.reopen(folder) as run_folder:
        request = Request.load(folder)
        click.echo(f"Model      {request.model}, loading ...", err=True)
        from acdc_custom.run import go_on

        run = go_on(run_folder, request, open_told)
        click.echo(f"Resumed    {len(run.earlier):,} of {request.edges:,} edges had been decided")
        run_search(run)
