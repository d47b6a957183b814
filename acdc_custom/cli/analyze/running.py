"""What analyses share when they run: opening task and model, progress, chosen heads, and writing what was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acdc_custom.cli.quiet import say_loading
from acdc_custom.errors import ResultError, UsageError

if TYPE_CHECKING:
    from acdc_custom.cli.analyze.options import AnalysisOptions
    from acdc_custom.engine.prepared import PreparedBatch
    from acdc_custom.figures.theme import Figure
    from acdc_custom.files.table import Row
    from acdc_custom.graph import Graph, Place, Sender
    from acdc_custom.model.model import Model
    from acdc_custom.task import Task


def opened(asked: AnalysisOptions) -> tuple[Task, Model]:
    """The task and the model. What is wrong with the task or the folder is told before the model is loaded."""
    from acdc_custom.cli.running import describe_model
    from acdc_custom.task import load_task

    task = load_task(asked.task)
    _check_writable(asked.folder)
    say_loading(asked.model)
    from acdc_custom.model.open import open_model

    model: Model = open_model(asked.model, asked.settings.device, asked.settings.dtype, say=click.echo)
    click.echo(f"Model      {describe_model(model)}")
    return task, model


def prepared(asked: AnalysisOptions) -> PreparedBatch:
    """The batch that was asked for, on its model."""
    task, model = opened(asked)
    from acdc_custom.circuit.summary import describe_behaviour
    from acdc_custom.engine.prepared import prepare_batch

    batch = prepare_batch(task, model, asked.settings)
    prompts = batch.batch
    click.echo(
        f"Prompts    {len(prompts.prompts)} of {task.name}, seed {prompts.seed}, corruption {prompts.corruption}"
    )
    if any(prompt.forced is not None for prompt in prompts.prompts):
        click.echo("Answers    of several tokens: END is where the first comes in which answer and foil differ")
    for note in prompts.notes:
        click.echo(f"Note       {note}")
    click.echo(f"The model  {describe_behaviour(batch.full)}; corrupted: {describe_behaviour(batch.corrupted)}")
    return batch


def parsed_heads(text: str | None) -> Callable[[Graph], tuple[Sender, ...]] | None:
    """What `--heads` says, read before the model is loaded; which of these heads the model has is asked of its graph.

    Heads are taken at all tokens: those of a circuit in positions, too, and a span with a name is refused.
    Raises `UsageError` for a name that is no head's, `ResultError` for a circuit that cannot be read.
    """
    parsed = parsed_places(text)
    if not text or parsed is None:
        return None
    if "@" in text and not _is_circuit(text):
        raise UsageError(
            f"--heads {text}: this analysis takes heads at all tokens. Leave the span away; patch-heads takes it."
        )
    return lambda graph: tuple(dict.fromkeys(place.node for place in parsed(graph)))


def _is_circuit(text: str) -> bool:
    return os.sep in text or text.endswith(".json") or Path(text).exists()


def parsed_places(text: str | None) -> Callable[[Graph], tuple[Place, ...]] | None:
    """The same with spans: `a9.h6@END`, and the heads of a circuit in positions where they write."""
    if not text:
        return None
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.graph import Place, Stage
    from acdc_custom.heads.names import circuit_places

    shape = None
    if _is_circuit(text):
        circuit = Circuit.load(text)
        heads, shape = tuple(circuit_places(circuit)), circuit.shape
        if not heads:
            raise UsageError(f"--heads {text}: this circuit has no heads.")
    else:
        heads = tuple(Place.read(name) for name in text.split(","))
        if others := [str(place) for place in heads if place.node.stage is not Stage.HEAD]:
            raise UsageError(f"--heads {text}: {others[0]} is no head. Heads are called a9.h6, L9H6 or 9.6.")

    def of(graph: Graph) -> tuple[Place, ...]:
        unknown = [str(place.node) for place in heads if place.node not in graph.index]
        if unknown or shape not in (None, graph.shape):
            what = f"there is no {unknown[0]}" if unknown else "this circuit is of a model of another shape"
            last = f"a{graph.shape.n_layers - 1}.h{graph.shape.n_heads - 1}"
            raise UsageError(f"--heads {text}: {what}. This model's heads are a0.h0 to {last}.")
        return heads

    return of


def in_prompts(places: Sequence[Place], text: str, batch: PreparedBatch) -> list[Place]:
    """Those of the places of `--heads` that the prompts have. Raises `UsageError` for a named span that none has."""
    from acdc_custom.heads.names import places_there

    spans = batch.tokens.spans
    if not _is_circuit(text):
        spans.check(place.span for place in places)
    return places_there(places, spans.names)


def written(asked: AnalysisOptions, name: str, rows: Sequence[Row], figures: Mapping[str, Figure]) -> None:
    """Write the table `name`.csv and the figures, by name, and say where they are."""
    from acdc_custom.files.table import write_csv

    click.echo("Written")
    click.echo(f"  {write_csv(asked.folder / f'{name}.csv', rows)}")
    for figure_name, figure in figures.items():
        click.echo(f"  {figure.save(asked.folder / f'{figure_name}.svg')}")


def top(values: Iterable[tuple[str, float]], unit: str, n: int = 5) -> str:
    """The `n` largest of either sign, in one line: `L9H9 2.13, L10H7 -1.87 logits`."""
    order = sorted(values, key=lambda named: -abs(named[1]))[:n]
    return ", ".join(f"{name} {value:.2f}" for name, value in order) + f" {unit}"


def _check_writable(folder: Path) -> None:
    existing: Any = next(path for path in (folder, *folder.parents, Path(".")) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ResultError(f"the output folder {folder} cannot be written to. Give another one with --out.")
