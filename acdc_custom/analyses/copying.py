"""Copy scores of all heads as figures: which heads write the word that they attend to, and which write against it.

Owns the table and the heat maps. The scores, and what exactly is computed, are `heads/copying.py`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.figures.charts import Scale, head_heatmap
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Sender, Stage
from acdc_custom.heads.copying import OvScores, ReadFrom, ov_scores
from acdc_custom.heads.words import cast_of
from acdc_custom.model.layers import layers
from acdc_custom.progress.protocol import OnStep, no_step


@dataclass(frozen=True, eq=False)
class CopyScores(Tabular):
    """Copy scores of every head, in percent of (prompt x word place)."""

    scores: OvScores
    n_layers: int

    @property
    def copying(self) -> np.ndarray:
        """`[layer, head]`: how often the word at a place is found in what the head would write about it."""
        return self._percent(self.scores.copied)

    @property
    def negative(self) -> np.ndarray:
        """`[layer, head]`: the same with the sign of the head's output flipped."""
        return self._percent(self.scores.negative)

    def _percent(self, counts: tuple[int, ...]) -> np.ndarray:
        return 100 * np.array(counts, dtype=float).reshape(self.n_layers, -1) / self.scores.of

    def to_rows(self) -> list[Row]:
        """One row per head, with what it was given to read, and the control: another prompt's word, looked for in the
        same logits."""
        scores = self.scores
        return [
            {
                "head": str(head),
                "reads": ReadFrom.of(head).value,
                "copied": scores.copied[i],
                "negative": scores.negative[i],
                "copied_control": scores.copied_control[i],
                "negative_control": scores.negative_control[i],
                "of": scores.of,
                **{f"answer_from_{place}": counts[i] for place, counts in scores.answers.items()},
                "prompts": scores.n_prompts,
            }
            for i, head in enumerate(scores.heads)
        ]


def copy_scores(prepared: PreparedBatch, seed: int = 0, on_step: OnStep = no_step) -> CopyScores:
    """Copy scores of every head of the model. Raises `UsageError` for a task that names no word of its prompts."""
    prepared = prepared.at_contrast
    model, batch = prepared.model, prepared.batch
    cast = cast_of(prepared.task, batch, model.tokenizer)
    if not cast.places:
        raise UsageError(
            f"the task {prepared.task.name} names no word of its prompts, so there is nothing to copy. "
            'Give it [positions] on slots, such as S1 = "{A}".'
        )
    heads = [sender for sender in model.graph.senders if sender.stage is Stage.HEAD]
    run = list(layers(model.weights, prepared.tokens.clean))
    answers = [prompt.answer_ids[0] for prompt in batch.prompts]
    return CopyScores(ov_scores(model, run, cast, answers, heads, seed, on_step), model.graph.shape.n_layers)


def draw_copying(result: CopyScores, marked: Collection[Sender] = (), theme: Theme = Theme.LIGHT) -> Figure:
    """A layer x head heat map of the copy scores; `marked` heads get a frame."""
    title = "Copy score: the word at a place is among the top 5 that the head would write about it"
    return head_heatmap(result.copying, title, "% of word places", marked, theme, Scale.AMOUNT)


def draw_negative_copying(result: CopyScores, marked: Collection[Sender] = (), theme: Theme = Theme.LIGHT) -> Figure:
    """The same for the negative copy scores."""
    title = "Negative copy score: the word is among the top 5 when the sign of the head's output is flipped"
    return head_heatmap(result.negative, title, "% of word places", marked, theme, Scale.AMOUNT)
