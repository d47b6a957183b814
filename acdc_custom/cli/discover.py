"""`acdc-custom discover`: the main job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from acdc_custom.choices import Device, Metric, Precision, checked_threshold
from acdc_custom.model.catalogue import DEFAULT_MODEL, BundledModel, find

if TYPE_CHECKING:
    from acdc_custom.discovery import Prepared
    from acdc_custom.engine.search import Decision
    from acdc_custom.model.model import Model
    from acdc_custom.run_folder import RunFolder

RESULTS = Path("results")

HUB_HINT = "a bundled or packaged model (see acdc-custom models), a Hugging Face directory, or a hub name such as gpt2"


@click.command("discover", short_help="Find the circuit of a task.")
@click.option(
    "--task",
    required=True,
    metavar="NAME|FILE",
    help="A built-in task (see acdc-custom tasks), or a task file.",
)
@click.option(
    "--threshold",
    type=float,
    callback=lambda ctx, option, value: checked_threshold(value),
    default=0.01,
    show_default=True,
    help="Remove an edge if that raises the metric by less: nats for kl, logits for logit-diff.",
)
@click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
)
@click.option(
    "--metric",
    type=click.Choice([m.value for m in Metric]),
    help="What is minimised.  [default: the task's, usually kl]",
)
@click.option(
    "--corruption",
    metavar="NAME",
    help="Which of the task's corruptions.  [default: the one that the task names]",
)
@click.option(
    "--n",
    type=click.IntRange(min=1),
    metavar="PROMPTS",
    help="How many prompts.  [default: 50, or all there are]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which prompts: the same seed, the same prompts.")
@click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    default=Device.AUTO.value,
    show_default=True,
    help="Where to compute; auto takes CUDA if there is any, then Apple's GPU, then the CPU.",
)
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
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the run goes.  [default: a new folder in results/]",
)
def command(
    task: str,
    threshold: float,
    model: str,
    metric: str | None,
    corruption: str | None,
    n: int | None,
    seed: int,
    device: str,
    dtype: str,
    window: int | None,
    out: Path | None,
) -> None:
    """Find the circuit of a task: the edges that the model needs for it.

    Visits every edge of the model's computational graph, from the logits down, and removes it if that raises the
    metric by less than the threshold. Writes circuit.json, decisions.jsonl, circuit.svg and circuit.dot.

    \b
    acdc-custom discover --task latest_s --threshold 0.01
    acdc-custom discover --task ./mine.toml --model gpt2 --n 100 --device cuda
    """
    from acdc_custom.run_folder import RunFolder, free_folder
    from acdc_custom.task import load_task

    loaded_task = load_task(task)
    with RunFolder(out or free_folder(RESULTS, loaded_task.name, Path(model).name, threshold)) as run:
        click.echo(f"Model      {model}, loading ...", err=True)
        from acdc_custom.discovery import prepare_batch, search
        from acdc_custom.model.open import open_model
        from acdc_custom.summary import summarize

        opened = open_model(model, device, dtype, say=click.echo)
        click.echo(f"Model      {describe_model(opened)}")
        prepared = prepare_batch(loaded_task, opened, n, seed, corruption)
        for line in describe_batch(prepared, threshold):
            click.echo(line)
        with Progress(opened.graph.n_edges, run) as progress:
            circuit = search(prepared, threshold, metric, window, progress.note)
        click.echo(summarize(circuit))
        click.echo("Written")
        for path in run.finish(circuit):
            click.echo(f"  {path}")


class Progress:
    """The progress bar of a search, and the journal beside it."""

    def __init__(self, n_edges: int, run: RunFolder) -> None:
        from tqdm import tqdm

        self.run = run
        self.kept = 0
        self.bar = tqdm(
            total=n_edges,
            desc="Deciding edges",
            unit=" edges",
            dynamic_ncols=True,
            smoothing=0.05,
            leave=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def note(self, decision: Decision) -> None:
        """One more edge has been decided."""
        self.run.note(decision)
        self.kept += decision.kept
        # The bar redraws itself now and then; only then are new numbers of any use.
        if self.bar.update():
            self.bar.set_postfix_str(f"{self.kept} kept, metric {decision.metric:.4f}", refresh=False)


def describe_model(model: Model) -> str:
    """`demo-4l: GPT-2, 4 layers of 8 heads, 1.0 M parameters, float32 on cpu`."""
    shape = model.graph.shape
    heads = f"{shape.n_heads} heads" + (f" in {shape.n_kv_heads} groups" if shape.grouped else "")
    known = find(model.name)
    about = "; a demonstration model trained on the built-in tasks" if isinstance(known, BundledModel) else ""
    return (
        f"{model.name} ({model.title} architecture), {shape.n_layers} layers of {heads}, "
        f"{model.n_parameters / 1e6:.1f} M parameters, {model.graph.n_edges:,} edges, "
        f"{str(model.dtype).removeprefix('torch.')} on {model.device.type}{about}"
    )


def describe_batch(prepared: Prepared, threshold: float) -> Iterator[str]:
    """What is asked, how well the model does it, how far apart the two runs are, and what to beware of."""
    from acdc_custom.summary import describe_behaviour

    batch, task = prepared.batch, prepared.task
    first = batch.prompts[0]
    yield f"Task       {task.name}: {task.description}"
    yield f"Prompts    {len(batch.prompts)}, seed {batch.seed}, corruption {batch.corruption}; the first:"
    yield f"  clean      {first.clean} ->{' /'.join(first.answer)}, not{' /'.join(first.foil)}"
    yield f"  corrupted  {first.corrupted}"
    for note in batch.notes:
        yield f"Note       {note}"
    yield f"The model  {describe_behaviour(prepared.clean)}"
    yield (
        f"Corrupted  {describe_behaviour(prepared.corrupted)}; "
        f"the two runs are {prepared.corrupted.kl:.3f} nats (KL) apart"
    )
    if prepared.clean.logit_diff <= 0:
        yield "WARNING    the model does not do this task: it prefers the foil. A circuit for it means nothing."
    if prepared.corrupted.kl < 10 * threshold:
        yield (
            f"WARNING    clean and corrupted runs hardly differ: with a threshold of {threshold:g} little can survive. "
            "Try another --corruption, or a smaller --threshold."
        )
