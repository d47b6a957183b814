"""Activation patching of heads at spans: not only which head, but where.

Owns what it means to patch a part of a head at the tokens of one span, the rest of the head left as it is. Outputs,
queries and patterns are those of the tokens that attend; keys and values those of the tokens that are attended to.
Everything after the layer is computed anew, as in `activation_patching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.activation_patching import FROM_SOURCE, Effects
from acdc_custom.analyses.rerun import Site
from acdc_custom.analyses.runs import Runs
from acdc_custom.choices import Direction, HeadPart
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.figures.charts import heatmap
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row
from acdc_custom.graph import Place, Sender, Stage
from acdc_custom.progress.protocol import Progress, silent


@dataclass(frozen=True, eq=False)
class SpanPatching(Effects):
    """What each patch of a head at a span does. One row per head, or per group of heads that share what is patched."""

    heads: tuple[tuple[int, int], ...]  # layer, and head or key/value head
    spans: tuple[str, ...]
    group_size: int  # heads that are patched together; 1: each by itself

    @property
    def of(self) -> str:
        """What a row is."""
        return "head" if self.group_size == 1 else "key/value head"

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the rows: `L9H6`, or `L9 kv1`."""
        between = "H" if self.group_size == 1 else " kv"
        return tuple(f"L{layer}{between}{number}" for layer, number in self.heads)

    def cells(self) -> Iterator[tuple[str, float]]:
        """Every patch by its name, `L9H6@END`, and its effect."""
        for row, values in zip(self.labels, self.effect.tolist(), strict=True):
            yield from ((f"{row}@{span}", value) for span, value in zip(self.spans, values, strict=True))

    def cells_of(self, places: Collection[Place]) -> set[tuple[int, int]]:
        """The cells `(row, column)` in which heads are patched where these are; one at all tokens has its whole row."""
        row_of = {head: row for row, head in enumerate(self.heads)}
        return {
            (row, column)
            for place in places
            if (row := row_of.get((place.node.layer, place.node.head // self.group_size))) is not None
            for column, span in enumerate(self.spans)
            if place.span in ("", span)
        }

    def to_rows(self) -> list[Row]:
        """One row per patch."""
        normalised = self.normalised
        return [
            {
                "layer": self.heads[row][0],
                self.of.replace("/", "_").replace(" ", "_"): self.heads[row][1],
                "span": self.spans[column],
                "logit_diff": float(self.logit_diff[row, column]),
                "normalised": float(normalised[row, column]),
            }
            for row, column in np.ndindex(*self.logit_diff.shape)
        ]


@torch.no_grad()
def patch_heads_at_spans(
    prepared: PreparedBatch,
    heads: Sequence[Sender],
    part: HeadPart = HeadPart.Z,
    direction: Direction = Direction.DENOISING,
    on_progress: Progress = silent,
) -> SpanPatching:
    """Patch one part of each of these heads at each span of the prompts, one (head, span) at a time.

    Keys and values that heads share are patched for all of them. A prompt that lacks the span stays as it is.
    """
    prepared = prepared.at_contrast
    runs = Runs.of(prepared, direction)
    shape, spans = prepared.model.graph.shape, prepared.tokens.spans.names
    group_size = shape.group_size if part in (HeadPart.K, HeadPart.V) else 1
    rows = sorted({(head.layer, head.head // group_size) for head in heads if head.stage is Stage.HEAD})
    logit_diff = np.empty((len(rows), len(spans)))
    first = runs.first_difference
    for layer in sorted({layer for layer, _ in rows}):
        of_layer = [row for row, head in enumerate(rows) if head[0] == layer]
        numbers = [rows[row][1] for row in of_layer]
        base = runs.base.layers[layer]
        total = base.attention.total(base.z[:, :, first:])
        change_at = _change_at(runs, layer, part)
        for column, span in enumerate(spans):
            moved = base.attention.write(change_at(prepared.tokens.within(span))[:, :, first:])
            moved = moved.view(shape.n_heads // group_size, -1, *moved.shape[1:]).sum(1)[numbers]
            size = runs.base.at_once(first)
            for start in range(0, len(of_layer), size):
                chunk = slice(start, start + size)
                after = base.before[:, first:] + base.attention.finish(total + moved[chunk])
                values = runs.base.rerun(layer, Site.AFTER_ATTENTION, after, first)
                logit_diff[of_layer[chunk], column] = values.cpu().numpy()
                on_progress("Patching heads at spans", len(values), logit_diff.size)
    return SpanPatching(
        f"{part.about} of heads at spans ({part.value})",
        direction,
        logit_diff,
        prepared.full.logit_diff,
        prepared.corrupted.logit_diff,
        tuple(rows),
        spans,
        group_size,
    )


def _change_at(runs: Runs, layer: int, part: HeadPart) -> Callable[[Tensor], Tensor]:
    """How z `[head, prompt, pos, d_head]` of every head changes when one part of it is the source run's at some tokens.

    The tokens are given as a mask `[prompt, pos]`.
    """
    base, source = runs.base.layers[layer], runs.source.layers[layer]
    if part in (HeadPart.K, HeadPart.V):

        def of_keys(mask: Tensor) -> Tensor:
            k, v = (
                torch.where(mask[..., None], getattr(source, name), getattr(base, name))
                if name in FROM_SOURCE[part]
                else getattr(base, name)
                for name in "kv"
            )
            return base.attention.attend(base.q, k, v) - base.z

        return of_keys
    q, k, v = (getattr(source if name in FROM_SOURCE[part] else base, name) for name in "qkv")
    change = base.attention.attend(q, k, v) - base.z
    return lambda mask: change * mask[..., None]


def draw_span_patching(result: SpanPatching, marked: Collection[Place] = (), theme: Theme = Theme.LIGHT) -> Figure:
    """A heat map of heads by spans, in normalised logit differences; `marked` heads get a frame where they are."""
    unit = "change of the normalised logit difference"
    return heatmap(
        result.effect,
        result.labels,
        result.spans,
        result.title,
        unit,
        result.of,
        "span",
        result.cells_of(marked),
        theme,
    )
