"""`acdc-custom analyze copying | attention | scatter`: what heads write about words, and where they look."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from acdc_custom.cli.analyze.options import AnalysisOptions, analysis, chosen_heads, marked_heads
from acdc_custom.cli.analyze.running import parsed_heads, prepared, top, written
from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import steps

if TYPE_CHECKING:
    from acdc_custom.engine.prepared import PreparedBatch
    from acdc_custom.graph import Graph, Sender

STRONGEST = 4  # heads that are shown when none are named


@analysis("copying", "Copy scores and negative copy scores of all heads.")
@marked_heads
def copying(asked: AnalysisOptions, heads: str | None) -> None:
    """Copy scores: which heads would write the word that they attend to, or write against it.

    \b
    acdc-custom analyze copying --task ioi --heads results/ioi_demo-4l_0.01
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.copying import copy_scores, draw_copying, draw_negative_copying

    graph = batch.model.graph
    marked = chosen(graph) if chosen else ()
    with ProgressBar(unit=" heads") as progress:
        on_step = steps(progress, "Scoring heads", graph.shape.n_layers * graph.shape.n_heads)
        result = copy_scores(batch, asked.settings.prompts.seed, on_step)
    for name, values in (("Copying", result.copying), ("Negative", result.negative)):
        most = ((head.label, float(values[head.layer, head.head])) for head in result.scores.heads)
        click.echo(f"{name:<10} {top(most, '%')}")
    figures = {"copying": draw_copying(result, marked), "negative_copying": draw_negative_copying(result, marked)}
    written(asked, "copying", result.to_rows(), figures)


@analysis("attention", "Attention patterns of some heads.")
@chosen_heads
@click.option(
    "--prompt", type=click.IntRange(min=0), default=0, show_default=True, help="Which prompt of the batch is shown."
)
def attention(asked: AnalysisOptions, heads: str | None, prompt: int) -> None:
    """Attention patterns of some heads on one prompt, and their mean attention from END to the task's words.

    Beside the figure comes attention.html, a page on which heads, prompts and tokens can be chosen.

    \b
    acdc-custom analyze attention --task ioi --heads a3.h3,a2.h1
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.attention import draw_attention, head_attention
    from acdc_custom.report.attention_data import save_attention_page

    result = head_attention(batch, _chosen(batch, chosen), prompt)
    for number, head in enumerate(result.heads):
        places = ", ".join(f"{place} {values[number]:.2f}" for place, values in result.to_places.items())
        click.echo(f"{head.label:<10} attends from END to {places or 'no named word'}")
    written(asked, "attention", result.to_rows(), {"attention": draw_attention(result)})
    click.echo(f"  {save_attention_page(batch, result.heads, asked.folder / 'attention.html', prompt)}")


@analysis("scatter", "Attention against output, for every named word.")
@chosen_heads
def scatter(asked: AnalysisOptions, heads: str | None) -> None:
    """Attention against output: does a head write along a word the more, the more it attends to it?

    \b
    acdc-custom analyze scatter --task ioi --heads results/ioi_demo-4l_0.01
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.scatter import attention_scatter, draw_scatter

    result = attention_scatter(batch, _chosen(batch, chosen))
    for pair in result.pairs:
        click.echo(f"{pair.head.label:<10} {pair.subject:<10} r = {pair.r:5.2f}, p = {pair.p:.2g}")
    written(asked, "scatter", result.to_rows(), {"scatter": draw_scatter(result)})


def _chosen(batch: PreparedBatch, chosen: Callable[[Graph], tuple[Sender, ...]] | None) -> tuple[Sender, ...]:
    """The heads that were named, or those of the largest attribution."""
    from acdc_custom.analyses.lens import head_attribution

    if chosen:
        return chosen(batch.model.graph)
    return head_attribution(batch).strongest(STRONGEST)


COMMANDS = (copying, attention, scatter)
