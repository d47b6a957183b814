"""What commands share that run something: the search with its progress bar, and the lines around it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from acdc_custom.choices import Ablation
from acdc_custom.cli.terminal import say
from acdc_custom.files.reading import printable
from acdc_custom.memory import text_of_bytes
from acdc_custom.model.catalogue import BundledModel, find

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.engine.prepared import PreparedBatch
    from acdc_custom.errors import ResultError
    from acdc_custom.model.model import Model
    from acdc_custom.runs.run import Run


SOON = 10.0  # seconds: of a search that takes no longer, no time is told
LONG = 300.0  # seconds: where a search takes longer, a quicker method is named


def open_told(name: str, device: str, dtype: str) -> Model:
    """Open a model, and say which it is."""
    from acdc_custom.model.open import open_model

    model: Model = open_model(name, device, dtype, say=click.echo)
    say(f"Model      {describe_model(model)}")
    return model


def run_search(run: Run) -> Circuit:
    """Search, with a progress bar, and show what was found and written; at the end, what the heads do."""
    from acdc_custom.search.bar import SearchBar
    from acdc_custom.search.pace import forecast_of

    what = "Scoring edges" if run.settings.threshold is None else "Deciding edges"
    request, folder = run.request, run.folder
    expected = forecast_of(run.prepared, run.settings, run.start)
    if not run.earlier and (line := describe_time(run, expected.seconds)):
        say(line)
    troubles: list[ResultError] = []
    try:
        with SearchBar(request.edges, expected, run.earlier, what) as progress:
            circuit, files = run.complete(progress.note, on_trouble=troubles.append)
    except KeyboardInterrupt:
        raise click.Abort(f"stopped. Resume with: {folder.resume_command}") from None
    for error in troubles:
        tell_trouble(error)
    show_found(circuit, run.prepared, folder.path, files, request.roles, (request.task, request.model))
    return circuit


def tell_trouble(error: ResultError) -> None:
    """A picture could not be drawn."""
    from acdc_custom.files.columns import paragraph

    click.echo("\n".join(paragraph(str(error), "No picture ", " " * 11)))


def describe_time(run: Run, seconds: float) -> str:
    """How long the search is going to take, unless that is soon; and how long a quicker method, unless that is."""
    from acdc_custom.errors import duration
    from acdc_custom.search.method import DecidingMethod
    from acdc_custom.search.pace import forecast_of
    from acdc_custom.search.registry import method_named

    if seconds < SOON:
        return ""
    line, method = f"Time       about {duration(seconds)}", method_named(run.settings.method)
    if isinstance(method, DecidingMethod) and method.quicker and seconds > LONG:
        quicker = forecast_of(run.prepared, run.settings.with_(method=method.quicker), run.start).seconds
        line += f"; --method {method.quicker} takes about {duration(quicker)}" if quicker < seconds else ""
    return line


def show_found(
    circuit: Circuit,
    prepared: PreparedBatch,
    folder: Path,
    files: Iterable[Path],
    roles: bool | None,
    source: tuple[str, str],
    faithfulness: float | None = None,
) -> None:
    """What came out of a search, in the folder of its run; `source` are task and model as they were given.

    `roles` says whether heads are measured, None: if that is soon done. `faithfulness` is what was asked for, if any.
    """
    from acdc_custom.circuit.summary import summarize
    from acdc_custom.circuit.trust import warning
    from acdc_custom.cli.roles_at_once import roles_at_once
    from acdc_custom.files.columns import paragraph

    say(summarize(circuit))
    echo_written([*files, *roles_at_once(circuit, prepared, folder, roles)])
    click.echo(f"Explain it on one page with: acdc-custom report {shlex.quote(str(folder))}")
    if beware := warning(circuit, *source, faithfulness):
        click.echo("\n".join(paragraph(str(beware), "WARNING    ", " " * 11)))


def echo_written(files: Iterable[Path]) -> None:
    """List the files of a result."""
    click.echo("Written")
    for path in files:
        click.echo(f"  {path}")


def describe_model(model: Model) -> str:
    """`demo-4l: GPT-2, 4 layers of 8 heads, 1.0 M parameters, float32 on cpu`."""
    shape = model.graph.shape
    heads = f"{shape.n_heads} heads" + (f" in {shape.n_kv_heads} groups" if shape.grouped else "")
    known = find(model.name)
    about = "; a demonstration model" if isinstance(known, BundledModel) else ""
    return (
        f"{model.name} ({model.title} architecture), {shape.n_layers} layers of {heads}, "
        f"{model.n_parameters / 1e6:.1f} M parameters, {model.graph.n_edges:,} edges, "
        f"{str(model.dtype).removeprefix('torch.')} on {model.device.type}{about}"
    )


def _after_prompt(word: str) -> str:
    """A word with the space before it; one that has none is in quotes."""
    return printable(word) if word.startswith(" ") else f' "{printable(word)}"'


def describe_batch(prepared: PreparedBatch, threshold: float | None) -> Iterator[str]:
    """What is asked, how well the model does it, how far apart the two runs are, and what to beware of."""
    from acdc_custom.circuit.summary import describe_behaviour
    from acdc_custom.task.batch import describe_answers, describe_beginning

    batch, task = prepared.batch, prepared.task
    first = batch.prompts[0]
    yield f"Task       {task.name}: {task.description}"
    begins = describe_beginning(batch.beginning)
    yield f"Prompts    {len(batch.prompts)}, seed {batch.seed}, corruption {batch.corruption}, {begins}; the first:"
    answer, foil = (" /".join(map(_after_prompt, words)) for words in (first.answer, first.foil))
    yield f"  clean      {printable(first.clean)} ->{answer}, not{foil}"
    yield f"  corrupted  {printable(first.corrupted)}"
    if answers := describe_answers(batch.prompts):
        yield f"Answers    {answers}"
    for note in batch.notes:
        yield f"Note       {note}"
    yield f"The model  {describe_behaviour(prepared.full)}"
    yield (
        f"Corrupted  {describe_behaviour(prepared.corrupted)}; "
        f"the two runs are {prepared.corrupted.kl:.3f} nats (KL) apart"
    )
    memory = prepared.memory
    at_once = "all prompts" if memory.chunk >= len(batch.prompts) else f"{memory.chunk} prompts"
    most, allowed = text_of_bytes(memory.peak), text_of_bytes(memory.limit)
    yield f"Memory     at most {most} of the {allowed} allowed; {at_once} at once"
    if prepared.full.logit_diff <= 0:
        yield "WARNING    the model does not do this task: it prefers the foil. A circuit for it means nothing."
    if prepared.ablation is not Ablation.CORRUPTED:
        yield f"No edges   {describe_behaviour(prepared.empty)}; {prepared.empty.kl:.3f} nats (KL) from the model"
    elif threshold is not None and prepared.corrupted.kl < 10 * threshold:
        yield (
            f"WARNING    clean and corrupted runs hardly differ: with a threshold of {threshold:g} little can survive. "
            "Try another --corruption, or a smaller --threshold."
        )


def describe_timings(circuit: Circuit, device: torch.device) -> Iterator[str]:
    """Where the time of a search went, a line per stage, the dearest first; and the most memory there was in use."""
    from acdc_custom.engine.footprint import peak_bytes

    total = circuit.search.seconds
    yield f"Time       {total:.2f} s, of which"
    for stage, seconds in sorted(circuit.search.stages.items(), key=lambda item: -item[1]):
        yield f"  {stage:<22} {seconds:8.2f} s  {seconds / total:6.1%}"
    yield f"Memory     {text_of_bytes(peak_bytes(device))} at most"
