"""`acdc-custom analyze copying | attention | scatter`: what heads write about words, and where they look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from acdc_custom.cli.analyze.options import Asked, analysis, chosen_heads, marked_heads
from acdc_custom.cli.analyze.running import parsed_heads, prepared, progress, top, written

if TYPE_CHECKING:
    from acdc_custom.discovery import Prepared
    from acdc_custom.graph import Graph, Sender

STRONGEST = 4  # heads that are shown when none are named
VIEWED = 8  # prompts in the interactive page


@analysis("copying", "Copy scores and negative copy scores of all heads.")
@marked_heads
def copying(asked: Asked, heads: str | None) -> None:
    """Copy scores: which heads would write the word that they attend to, or write against it.

    \b
    acdc-custom analyze copying --task ioi --heads results/ioi_demo-4l_0.01
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.copying import copy_scores, draw_copying, draw_negative_copying

    graph = batch.model.graph
    marked = chosen(graph) if chosen else ()
    with progress("Scoring heads", "heads") as told:
        total, done = graph.shape.n_layers * graph.shape.n_heads, iter(range(1, graph.n_edges))
        result = copy_scores(batch, asked.seed, lambda: told(next(done), total))
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
def attention(asked: Asked, heads: str | None, prompt: int) -> None:
    """Attention patterns of some heads on one prompt, and their mean attention from END to the task's words.

    Besides table and figure, attention.html shows the first prompts' tokens coloured by where a head looks; it opens in
    any browser, without a network.

    \b
    acdc-custom analyze attention --task ioi --heads a3.h3,a2.h1
    """
    chosen = parsed_heads(heads)
    batch = prepared(asked)
    from acdc_custom.analyses.attention import draw_attention, head_attention

    result = head_attention(batch, _chosen(batch, chosen), prompt)
    for number, head in enumerate(result.heads):
        places = ", ".join(f"{place} {values[number]:.2f}" for place, values in result.to_places.items())
        click.echo(f"{head.label:<10} attends from END to {places or 'no named word'}")
    pages = {"attention": _viewer(batch, result.heads)}
    written(asked, "attention", result.to_rows(), {"attention": draw_attention(result)}, pages)


@analysis("scatter", "Attention against output, for every named word.")
@chosen_heads
def scatter(asked: Asked, heads: str | None) -> None:
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


def _chosen(batch: Prepared, chosen: Callable[[Graph], tuple[Sender, ...]] | None) -> tuple[Sender, ...]:
    """The heads that were named, or those of the largest attribution."""
    from acdc_custom.analyses.lens import head_attribution

    if chosen:
        return chosen(batch.model.graph)
    return head_attribution(batch).strongest(STRONGEST)


def _viewer(batch: Prepared, heads: Sequence[Sender]) -> str:
    """The interactive page, with as many of the heads and of the first prompts as it can hold."""
    from acdc_custom.report.attention_view import (
        AttentionData,
        AttentionHead,
        AttentionPrompt,
        attention_page,
        what_fits,
    )
    from acdc_custom.report.measure import patterns_of, pieces

    prompts = batch.batch.prompts[:VIEWED]
    n_heads, n_prompts = what_fits(len(heads), [len(prompt.clean_ids) for prompt in prompts])
    prompts, heads = prompts[:n_prompts], heads[:n_heads]
    texts = [
        AttentionPrompt(f"Prompt {number}", tuple(pieces(p.clean, len(p.clean_ids), batch.model.tokenizer)))
        for number, p in enumerate(prompts)
    ]
    patterns = [patterns_of(batch.model, heads, prompt.clean_ids) for prompt in prompts]
    data = AttentionData.of([AttentionHead(str(h), h.label) for h in heads], texts, list(zip(*patterns, strict=True)))
    return attention_page(data, f"Attention in {batch.model.name} on {batch.task.name}")


COMMANDS = (copying, attention, scatter)
