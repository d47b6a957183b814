"""`acdc-custom discover`: the main job."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.choices import Order, Precision, checked_seed
from acdc_custom.cli.options import (
    RESULTS,
    ablation_option,
    corruption_option,
    device_option,
    knock_out_option,
    memory_limit_option,
    metric_option,
    model_option,
    n_option,
    out_option,
    seed_option,
    task_option,
    templates_option,
    threshold_option,
)


@click.command("discover", short_help="Find the circuit of a task.")
@task_option
@threshold_option
@model_option
@metric_option
@corruption_option
@ablation_option
@knock_out_option
@n_option
@seed_option("Which prompts: the same seed, the same prompts.")
@templates_option
@click.option(
    "--resample",
    type=int,
    metavar="SEED",
    callback=lambda ctx, option, value: value if value is None else checked_seed(value),
    help="Draw the prompts anew with replacement (a bootstrap draw), with this seed; to see how the circuit depends on "
    "them.",
)
@click.option(
    "--order",
    type=click.Choice([o.value for o in Order]),
    metavar="ORDER",
    default=Order.ORIGINAL.value,
    show_default=True,
    help="How heads of a layer and their inputs are visited: "
    + "; ".join(f"{o.value}: {o.about}" for o in Order)
    + ".",
)
@click.option(
    "--order-seed",
    type=int,
    callback=lambda ctx, option, value: checked_seed(value),
    default=0,
    show_default=True,
    help="Which random order.",
)
@device_option
@click.option(
    "--dtype",
    type=click.Choice([p.value for p in Precision]),
    default=Precision.FLOAT32.value,
    show_default=True,
    help="Precision. float64 is slower; it settles decisions that lie within the rounding error of float32.",
)
@click.option(
    "--window",
    type=click.IntRange(min=1),
    metavar="K",
    help="Evaluate K candidates at once. Any K gives the same circuit.  [default: adapts]",
)
@memory_limit_option
@click.option("--timings", is_flag=True, help="Show where the time went, and the most memory that was in use.")
@out_option("Where the run goes.  [default: a new folder in results/]")
def command(
    task: str,
    threshold: float,
    model: str,
    metric: str | None,
    corruption: str | None,
    ablation: str,
    knock_out: str,
    n: int | None,
    seed: int,
    templates: str,
    resample: int | None,
    order: str,
    order_seed: int,
    device: str,
    dtype: str,
    window: int | None,
    memory_limit: int | None,
    timings: bool,
    out: Path | None,
) -> None:
    """Find the circuit of a task: the edges that the model needs for it.

    Visits every edge of the model's computational graph, from the logits down, and removes it if that raises the
    metric by less than the threshold. Writes circuit.json, decisions.jsonl, circuit.svg and circuit.dot. A run that was
    stopped, by whatever, goes on with acdc-custom resume.

    \b
    acdc-custom discover --task latest_s --threshold 0.01
    acdc-custom discover --task ./mine.toml --model gpt2 --n 100 --device cuda
    """
    from acdc_custom.cli.running import describe_batch, describe_timings, open_told, run_search
    from acdc_custom.runs.folder import RunFolder, free_folder
    from acdc_custom.runs.settings import Job
    from acdc_custom.task import load_task

    folder = out or free_folder(RESULTS, load_task(task).name, Path(model).name, threshold)
    job = Job(
        name=folder.resolve().name,
        task=task,
        model=model,
        threshold=threshold,
        metric=metric,
        n=n,
        seed=seed,
        corruption=corruption,
        ablation=ablation,
        order=order,
        order_seed=order_seed,
        templates=templates,
        resample=resample,
        knock_out=knock_out,
        window=window,
        memory_limit=memory_limit,
        device=device,
        dtype=dtype,
    )
    with RunFolder.begin(folder) as run_folder:
        click.echo(f"Model      {model}, loading ...", err=True)
        from acdc_custom.runs.run import begin

        run = begin(run_folder, job, open_told)
        for line in describe_batch(run.prepared, threshold):
            click.echo(line)
        circuit = run_search(run)
        if timings:
            for line in describe_timings(circuit, run.prepared.model.device):
                click.echo(line)
