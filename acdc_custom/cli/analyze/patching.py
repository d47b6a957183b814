"""`acdc-custom analyze patch-...`: activation patching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from acdc_custom.choices import Direction, HeadPart
from acdc_custom.cli.analyze.options import AnalysisOptions, analysis, direction, placed_heads
from acdc_custom.cli.analyze.running import in_prompts, parsed_places, prepared, top, written
from acdc_custom.errors import UsageError
from acdc_custom.progress.bar import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Collection

    from acdc_custom.analyses.activation_patching import Patching
    from acdc_custom.graph import Sender

UNIT = "of the normalised logit difference"


@analysis("patch-residual", "Patch the residual stream, layer by position.")
@direction
def residual(asked: AnalysisOptions, direction: str) -> None:
    """Activation patching of the residual stream before each layer, at each position.

    Positions are the tokens of the template, or, with several templates, those that the task names.

    \b
    acdc-custom analyze patch-residual --task latest_s
    """
    batch = prepared(asked)
    from acdc_custom.analyses.activation_patching import patch_residual

    with ProgressBar(unit=" patches") as progress:
        result = patch_residual(batch, Direction(direction), progress)
    _finish(asked, f"patch-residual_{direction}", result)


@analysis("patch-attention", "Patch attention outputs, layer by position.")
@direction
def attention(asked: AnalysisOptions, direction: str) -> None:
    """Activation patching of what the attention of each layer writes, at each position.

    \b
    acdc-custom analyze patch-attention --task latest_s --direction noising
    """
    batch = prepared(asked)
    from acdc_custom.analyses.activation_patching import patch_attention

    with ProgressBar(unit=" patches") as progress:
        result = patch_attention(batch, Direction(direction), progress)
    _finish(asked, f"patch-attention_{direction}", result)


@analysis("patch-mlp", "Patch MLP outputs, layer by position.")
@direction
def mlp(asked: AnalysisOptions, direction: str) -> None:
    """Activation patching of what the MLP of each layer writes, at each position.

    \b
    acdc-custom analyze patch-mlp --task latest_s
    """
    batch = prepared(asked)
    from acdc_custom.analyses.activation_patching import patch_mlp

    with ProgressBar(unit=" patches") as progress:
        result = patch_mlp(batch, Direction(direction), progress)
    _finish(asked, f"patch-mlp_{direction}", result)


@analysis("patch-heads", "Patch heads: outputs, queries, keys, values or patterns.")
@click.option(
    "--part",
    type=click.Choice([p.value for p in HeadPart]),
    default=HeadPart.Z.value,
    show_default=True,
    help="What of each head is patched: " + "; ".join(f"{p.value}: its {p.about}" for p in HeadPart) + ".",
)
@direction
@placed_heads
def heads(asked: AnalysisOptions, part: str, direction: str, heads: str | None) -> None:
    """Activation patching of one part of each head, at all positions.

    Keys and values that heads share are patched for the whole group. With --heads at spans, such as a9.h9@END, these
    heads are patched at one span at a time: the table and the figure have a cell for each head and span.

    \b
    acdc-custom analyze patch-heads --task ioi --part q \\
      --heads results/ioi_demo-4l_0.01
    acdc-custom analyze patch-heads --task ioi --heads a3.h3@END,a2.h1@END
    """
    chosen = parsed_places(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.activation_patching import patch_heads
    from acdc_custom.analyses.span_patching import draw_span_patching, patch_heads_at_spans

    marked = in_prompts(chosen(batch.model.graph), heads, batch) if chosen and heads else []
    name, nodes = f"patch-heads_{part}_{direction}", [place.node for place in marked]
    if any(place.span for place in marked):
        with ProgressBar(unit=" patches") as progress:
            at_spans = patch_heads_at_spans(batch, nodes, HeadPart(part), Direction(direction), progress)
        click.echo(f"Most       {top(at_spans.cells(), UNIT)}")
        name = f"{name}_spans"
        written(asked, name, at_spans.to_rows(), {name: draw_span_patching(at_spans, marked)})
        return
    with ProgressBar(unit=" patches") as progress:
        result = patch_heads(batch, HeadPart(part), Direction(direction), progress)
    _finish(asked, name, result, nodes)


@analysis("patch-neurons", "Patch single MLP neurons.")
@click.option(
    "--layers",
    metavar="LAYERS",
    help="Whose neurons, such as 3 or 3,4.  [default: the layer whose MLP does most when it is patched as a whole]",
)
@direction
def neurons(asked: AnalysisOptions, layers: str | None, direction: str) -> None:
    """Activation patching of every single neuron of an MLP, at all positions.

    \b
    acdc-custom analyze patch-neurons --task latest_s --n 20 --layers 3
    """
    numbers = _layers(layers) if layers else None
    batch = prepared(asked)
    from acdc_custom.analyses.neurons import draw_neuron_patching, patch_neurons

    with ProgressBar(unit=" neurons") as progress:
        result = patch_neurons(batch, numbers, Direction(direction), progress)
    for layer, whole in zip(result.layers, result.whole_effect, strict=True):
        click.echo(f"Layer {layer:<4} all neurons together {whole:.2f} {UNIT}")
    effect = result.effect
    most = (f"L{layer} N{n} {effect[result.layers.index(layer), n]:.3f}" for layer, n in result.strongest(5))
    click.echo(f"Most       {', '.join(most)} {UNIT}")
    name = f"patch-neurons_{direction}"
    written(asked, name, result.to_rows(), {name: draw_neuron_patching(result)})


def _finish(asked: AnalysisOptions, name: str, result: Patching, marked: Collection[Sender] = ()) -> None:
    from acdc_custom.analyses.activation_patching import draw_patching

    between = {"position": " ", "head": "H", "key/value head": " kv"}[result.columns]
    effect = result.effect.tolist()
    cells = (
        (f"L{layer}{between}{label}", value)
        for layer, row in enumerate(effect)
        for label, value in zip(result.labels, row, strict=True)
    )
    click.echo(f"Most       {top(cells, UNIT)}")
    written(asked, name, result.to_rows(), {name: draw_patching(result, marked)})


def _layers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise UsageError(f"--layers {text}: give layer numbers with commas between them, such as 3,4.") from None


COMMANDS = (residual, attention, mlp, heads, neurons)
