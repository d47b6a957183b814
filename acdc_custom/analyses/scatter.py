"""Attention against output: does a head write along a word the more, the more it attends to it?

Owns the table and the figure of Wang et al. 2022 (arXiv 2211.00593, figure 3c), for every named subject. The numbers
are `heads/attention.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.figures.panels import scatters
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Sender
from acdc_custom.heads.attention import AttentionOutput, attention_output
from acdc_custom.heads.words import cast_of
from acdc_custom.model.layers import layers
from acdc_custom.task.batch import END


@dataclass(frozen=True)
class AttentionScatter(Tabular):
    """For each head and each subject: a point per prompt, with Pearson's r and its two-sided p-value."""

    pairs: tuple[AttentionOutput, ...]

    def to_rows(self) -> list[Row]:
        """One row per head, subject and prompt; r and p are those of the head and subject."""
        return [
            {
                "head": str(pair.head),
                "subject": pair.subject,
                "prompt": prompt,
                "attention": x,
                "output": y,
                "r": pair.r,
                "p": pair.p,
            }
            for pair in self.pairs
            for prompt, (x, y) in enumerate(zip(pair.attention, pair.output, strict=True))
        ]


def attention_scatter(prepared: PreparedBatch, heads: Sequence[Sender]) -> AttentionScatter:
    """These heads and every subject. Raises `UsageError` for a task that names no word of its prompts."""
    prepared = prepared.at_contrast
    model, batch = prepared.model, prepared.batch
    cast = cast_of(prepared.task, batch, model.tokenizer)
    if not cast.subjects:
        raise UsageError(
            f"the task {prepared.task.name} names no word of its prompts, so there is nothing to attend to. "
            'Give it [positions] on slots, such as S1 = "{A}".'
        )
    run = list(layers(model.weights, prepared.tokens.clean))
    ends = [prompt.positions[END] for prompt in batch.prompts]
    return AttentionScatter(tuple(attention_output(model, run, cast, ends, heads)))


def draw_scatter(result: AttentionScatter, theme: Theme = Theme.LIGHT) -> Figure:
    """One panel per head and subject."""
    names = [f"{pair.head.label}, {pair.subject}" for pair in result.pairs]
    points = {name: (pair.attention, pair.output) for name, pair in zip(names, result.pairs, strict=True)}
    captions = {name: f"r = {p.r:.2f}, p = {p.p:.1g}" for name, p in zip(names, result.pairs, strict=True)}
    per_head = sum(pair.head == result.pairs[0].head for pair in result.pairs)
    return scatters(
        points,
        captions,
        "Attention against output at END, one point per prompt",
        "attention from END to the word",
        "output along the word's unembedding",
        per_head,
        theme,
    )
