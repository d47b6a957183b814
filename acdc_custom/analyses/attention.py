"""Attention patterns of chosen heads on one prompt, and how much they attend from END to each named word.

Owns the table and the figure. The patterns are `heads/attention.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acdc_custom.analyses.positions import token_label
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.figures.panels import attention_panels
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Sender
from acdc_custom.heads.attention import attention_from, attention_patterns, attention_to_places
from acdc_custom.heads.words import cast_of
from acdc_custom.model.layers import layers
from acdc_custom.task.batch import END


@dataclass(frozen=True, eq=False)
class HeadAttention(Tabular):
    """Attention probabilities of some heads."""

    heads: tuple[Sender, ...]
    prompt: int  # which prompt of the batch the pattern is of
    tokens: tuple[str, ...]  # of that prompt
    pattern: np.ndarray  # [head, pos, key], on that prompt
    to_places: dict[str, np.ndarray]  # per named word: [head], from END, mean over all prompts

    def to_rows(self) -> list[Row]:
        """One row per head, position and key that it may read."""
        return [
            {
                "head": str(head),
                "position": at,
                "token": self.tokens[at],
                "key_position": key,
                "key_token": self.tokens[key],
                "attention": float(self.pattern[number, at, key]),
            }
            for number, head in enumerate(self.heads)
            for at in range(len(self.tokens))
            for key in range(at + 1)
        ]


def head_attention(prepared: PreparedBatch, heads: Sequence[Sender], prompt: int = 0) -> HeadAttention:
    """The patterns of these heads on one clean prompt of the batch. Raises `UsageError` if there is no such prompt."""
    prepared = prepared.at_contrast
    model, batch, heads = prepared.model, prepared.batch, tuple(sorted(heads))
    if not 0 <= prompt < len(batch.prompts):
        raise UsageError(f"there is no prompt {prompt}: the batch has prompts 0 to {len(batch.prompts) - 1}.")
    run = list(layers(model.weights, prepared.tokens.clean))
    chosen = batch.prompts[prompt]
    length = len(chosen.clean_ids)
    patterns = attention_patterns(run, heads)[:, prompt, :length, :length]
    from_end = attention_from(run, heads, [p.positions[END] for p in batch.prompts])
    to_places = attention_to_places(from_end, cast_of(prepared.task, batch, model.tokenizer))
    return HeadAttention(
        heads,
        prompt,
        tuple(token_label(model.tokenizer, token) for token in chosen.clean_ids),
        patterns.cpu().numpy(),
        {place: values.cpu().numpy() for place, values in to_places.items()},
    )


def draw_attention(result: HeadAttention, theme: Theme = Theme.LIGHT) -> Figure:
    """One panel per head: rows are positions, columns what they attend to."""
    panels = {head.label: result.pattern[number] for number, head in enumerate(result.heads)}
    title = f"Attention patterns on prompt {result.prompt}: rows attend to columns"
    return attention_panels(panels, result.tokens, title, theme)
