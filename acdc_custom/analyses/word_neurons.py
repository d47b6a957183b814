"""Which MLP neurons read or write a set of words, judged by their weights alone.

Owns the congruence of words with neurons. A neuron *reads* along its input weights (the gate's, where there is one),
compared with the words' directions through its layer's norm; it *writes* along its output weights, compared with the
words' unembedding (times the final norm's gain). Both are cosines, averaged over the set, and given as z-scores against
random words: how many standard errors the set's mean lies from theirs. A model has thousands of neurons, so that some
are three standard errors away by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.words import WordSet, random_words, token_residuals
from acdc_custom.choices import TokenPlace
from acdc_custom.errors import UsageError
from acdc_custom.figures.charts import bars
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.model.model import Model

SHOWN = 20  # neurons in the figure


class NeuronSide(StrEnum):
    """Which of a neuron's weights."""

    READS = "reads"
    WRITES = "writes"


@dataclass(frozen=True, eq=False)
class WordNeurons(Tabular):
    """For every neuron, the mean cosine with the words of a set, and how unusual that is among random words."""

    words: WordSet
    place: TokenPlace
    cosine: dict[NeuronSide, np.ndarray]  # each [layer, neuron]
    z: dict[NeuronSide, np.ndarray]  # each [layer, neuron]

    def strongest(self, n: int) -> list[tuple[int, int, NeuronSide]]:
        """The `n` most unusual (layer, neuron, side), the most unusual first."""
        every = [(layer, neuron, side) for side in NeuronSide for layer, neuron in self._top(self.z[side], n)]
        return sorted(every, key=lambda found: -abs(self.z[found[2]][found[:2]]))[:n]

    @staticmethod
    def _top(z: np.ndarray, n: int) -> list[tuple[int, int]]:
        order = np.argsort(-np.abs(z), axis=None, kind="stable")[:n]
        return [divmod(int(place), z.shape[1]) for place in order]

    def to_rows(self) -> list[Row]:
        """One row per neuron."""
        return [
            {
                "layer": layer,
                "neuron": neuron,
                **{f"{side}_cosine": float(self.cosine[side][layer, neuron]) for side in NeuronSide},
                **{f"{side}_z": float(self.z[side][layer, neuron]) for side in NeuronSide},
            }
            for layer, neuron in np.ndindex(*self.z[NeuronSide.READS].shape)
        ]


@torch.no_grad()
def word_neurons(
    model: Model,
    words: WordSet,
    place: TokenPlace = TokenPlace.BLOCK_0,
    bos: tuple[int, ...] = (),
    seed: int = 0,
) -> WordNeurons:
    """The congruence of a word set with every neuron's weights. Raises `UsageError` for a model without MLPs."""
    if not model.graph.shape.has_mlp:
        raise UsageError(f"{model.name} has attention only: there are no neurons.")
    weights = model.weights
    pool = random_words(model.tokenizer, len(weights.unembedding), words.tokens, seed)
    ids = torch.tensor((*words.tokens, *pool), device=model.device)
    residuals = token_residuals(model, ids.tolist(), place, bos)
    unembedding = weights.unembedding[ids] * weights.final_norm.weight
    cosine: dict[NeuronSide, list[Tensor]] = {side: [] for side in NeuronSide}
    z: dict[NeuronSide, list[Tensor]] = {side: [] for side in NeuronSide}
    for block in weights.blocks:
        assert block.mlp is not None and block.mlp_norm is not None
        reading = (block.mlp.weight_in if block.mlp.weight_gate is None else block.mlp.weight_gate).T
        writing = block.mlp.weight_out
        if block.mlp.post_norm is not None:
            writing = writing * block.mlp.post_norm.weight
        compared = {NeuronSide.READS: (reading, block.mlp_norm(residuals)), NeuronSide.WRITES: (writing, unembedding)}
        for side, (neurons, directions) in compared.items():
            mean, score = _against_random(_cosines(neurons, directions), len(words.tokens))
            cosine[side].append(mean)
            z[side].append(score)
    stacked = ({side: torch.stack(rows).double().cpu().numpy() for side, rows in both.items()} for both in (cosine, z))
    return WordNeurons(words, place, *stacked)


def _cosines(neurons: Tensor, directions: Tensor) -> Tensor:
    """`[neuron, word]`."""
    return torch.nn.functional.normalize(neurons, dim=-1) @ torch.nn.functional.normalize(directions, dim=-1).T


def _against_random(cosines: Tensor, n_words: int) -> tuple[Tensor, Tensor]:
    """Each neuron's mean over the first `n_words`, and its z-score among the means of so many of the others."""
    own, others = cosines[:, :n_words].mean(1), cosines[:, n_words:]
    return own, (own - others.mean(1)) / (others.std(1) / n_words**0.5)


def draw_word_neurons(result: WordNeurons, theme: Theme = Theme.LIGHT) -> Figure:
    """The most unusual neurons, with what they do to the words."""
    found = result.strongest(SHOWN)
    labels = [f"L{layer} N{neuron} {side}" for layer, neuron, side in found]
    values = [result.z[side][layer, neuron] for layer, neuron, side in found]
    title = f"Neurons whose weights are most unlike chance for {result.words.name} (at {result.place.value})"
    return bars(labels, values, title, "neuron", "z-score among random words", theme=theme)
