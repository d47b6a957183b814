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
    from acdc_custom.cli.running import describe_model, run_search
    from acdc_custom.errors import ResultError
    from acdc_custom.run_folder import Request, RunFolder
    from acdc_custom.task import load_task

    with RunFolder.reopen(folder) as run:
        request = Request.load(folder)
        settings = request.provenance.settings
        click.echo(f"Model      {request.model}, loading ...", err=True)
        from acdc_custom.choices import Order
        from acdc_custom.discovery import Choices, prepare_batch, whole_receivers
        from acdc_custom.model.open import open_model

        choices = Choices(
            settings.threshold, settings.metric, Order(settings.order), settings.order_seed, request.window
        )
        opened = open_model(request.model, settings.device, settings.dtype, say=click.echo)
        click.echo(f"Model      {describe_model(opened)}")
        prepared = prepare_batch(
            load_task(request.task),
            opened,
            settings.n,
            settings.seed,
            settings.corruption,
            settings.ablation,
            planned=request.memory,
            knock_out=settings.knock_out,
            templates=settings.templates,
            resample=settings.resample,
        )
        if differences := request.provenance.differences(prepared.provenance(choices)):
            raise ResultError(
                f"the run in {folder} cannot go on, since this has changed: {'; '.join(differences)}. "
                "Undo that, or begin a new run."
            )
        earlier = whole_receivers(run.decisions(), prepared, choices)
        run.keep(len(earlier))
        click.echo(f"Resumed    {len(earlier):,} of {opened.graph.n_edges:,} edges had been decided")
        run_search(run, prepared, choices, earlier)
