"""`acdc-custom discover`: the main job."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.circuit.settings import NAMES, SearchSettings
from acdc_custom.cli.options import RESULTS, model_option, out_option, settings_options, task_option


@click.command("discover", short_help="Find the circuit of a task.")
@task_option
@model_option
@settings_options(*NAMES)
@click.option(
    "--roles/--no-roles",
    default=None,
    help="Measure what the circuit's heads do at the end, as acdc-custom roles does.  [default: if that takes under "
    "ten seconds, or under a third of the search]",
)
@click.option("--timings", is_flag=True, help="Show where the time went, and the most memory that was in use.")
@out_option("Where the run goes.  [default: a new folder in results/]")
def command(
    task: str, model: str, settings: SearchSettings, roles: bool | None, timings: bool, out: Path | None
) -> None:
    """Find the circuit of a task: the edges that the model needs for it.

    Visits every edge of the model's computational graph, from the logits down, and removes it if that raises the
    metric by less than the threshold; other methods score all edges, and the circuit is made of those that come first.
    Writes circuit.json, decisions.jsonl, circuit.svg and circuit.dot. When it is soon measured what the heads do, ends
    with that and a coloured picture. A run that was stopped, by whatever, is resumed with acdc-custom resume.

    \b
    acdc-custom discover --task latest_s --threshold 0.01
    acdc-custom discover --task ./mine.toml --model gpt2 --n 100 --device cuda
    acdc-custom discover --task ioi --method eap-ig --edges 200
    """
    from acdc_custom.cli.running import describe_batch, describe_timings, open_told, run_search
    from acdc_custom.runs.folder import RunFolder, free_folder
    from acdc_custom.runs.job import Job
    from acdc_custom.search.registry import method_named
    from acdc_custom.task import load_task

    settings = method_named(settings.method).completed(settings)
    folder = out or free_folder(RESULTS, load_task(task).name, Path(model).name, settings)
    job = Job(folder.resolve().name, task, model, settings)
    with RunFolder.begin(folder) as run_folder:
        click.echo(f"Model      {model}, loading ...", err=True)
        from acdc_custom.runs.run import begin

        run = begin(run_folder, job, open_told, roles=roles)
        for line in describe_batch(run.prepared, settings.threshold):
            click.echo(line)
        circuit = run_search(run)
        if timings:
            for line in describe_timings(circuit, run.prepared.model.device):
                click.echo(line)
