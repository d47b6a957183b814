"""Congruence: are the directions of a set of words more alike than those of random words?

Owns the comparison of all pairs of a set (each pair once, no word with itself) by cosine or dot product, and its
permutation test: the mean over pairs is compared with that of as many words drawn at random from the set and a pool of
random single-token words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.analyses.words import WordSet, random_words, token_directions
from acdc_custom.choices import Similarity, TokenPlace
from acdc_custom.engine.metrics import exact
from acdc_custom.figures.charts import histogram
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.model.model import Model

PERMUTATIONS = 10_000
AT_ONCE = 500  # permutations
SHOWN = 200  # random words whose pairs the histogram shows


@dataclass(frozen=True, eq=False)
class Congruence(Tabular):
    """The similarity of every pair of a word set, and of random words. `p_value` is one-sided: alike or more."""

    words: WordSet
    place: TokenPlace
    similarity: Similarity
    pairs: np.ndarray  # [pair]: i < j, in the order of the set
    random_pairs: np.ndarray  # [pair]: of some of the random words
    random_means: np.ndarray  # [permutation]: the mean over the pairs of as many words drawn at random
    n_random: int  # random words that were drawn from, besides the set's own

    @property
    def mean(self) -> float:
        """The mean over the set's pairs."""
        return float(self.pairs.mean())

    @property
    def p_value(self) -> float:
        """The share of random draws whose mean is at least the set's, the set itself counted as one of them."""
        # Sums in another order differ in the last digits.
        at_least = int((self.random_means >= self.mean - 1e-9 * abs(self.mean)).sum())
        return (1 + at_least) / (1 + len(self.random_means))

    def to_rows(self) -> list[Row]:
        """One row per pair of the set."""
        words = self.words.words
        pairs = [(a, b) for i, a in enumerate(words) for b in words[i + 1 :]]
        return [
            {"word": a, "other": b, self.similarity.value: float(value)}
            for (a, b), value in zip(pairs, self.pairs, strict=True)
        ]


@torch.no_grad()
def congruence(
    model: Model,
    words: WordSet,
    place: TokenPlace = TokenPlace.BLOCK_0,
    similarity: Similarity = Similarity.COSINE,
    bos: tuple[int, ...] = (),
    seed: int = 0,
    pool: Sequence[int] | None = None,
) -> Congruence:
    """The similarity of all pairs of a word set, against random words: those of `pool`, or of the same tokenizer."""
    if pool is None:
        pool = random_words(model.tokenizer, len(model.weights.unembedding), words.tokens, seed)
    own, others = (
        _comparable(exact(token_directions(model, tokens, place, bos)), similarity) for tokens in (words.tokens, pool)
    )
    generator = torch.Generator().manual_seed(seed)
    means = _means_of_random_sets(torch.cat((own, others)), len(own), generator)
    return Congruence(
        words,
        place,
        similarity,
        pair_similarities(own).cpu().numpy(),
        pair_similarities(others[:SHOWN]).cpu().numpy(),
        means.cpu().numpy(),
        len(pool),
    )


def pair_similarities(directions: Tensor) -> Tensor:
    """The dot product of every two of `directions` `[word, d]`, each pair once: `[pair]`."""
    rows, columns = torch.triu_indices(len(directions), len(directions), offset=1)
    products: Tensor = directions @ directions.T
    return products[rows, columns]


def _comparable(directions: Tensor, similarity: Similarity) -> Tensor:
    """Directions whose dot products are the similarity."""
    if similarity is Similarity.DOT:
        return directions
    return torch.nn.functional.normalize(directions, dim=-1)


def _means_of_random_sets(directions: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """The mean over pairs of `size` random ones of `directions` `[word, d]`, many times: `[permutation]`.

    The sum over all pairs is half of what the square of the sum has beyond the sum of the squares.
    """
    squares = directions.square().sum(-1)
    means = []
    for _ in range(0, PERMUTATIONS, AT_ONCE):
        drawn = torch.rand(AT_ONCE, len(directions), generator=generator).topk(size).indices.to(directions.device)
        chosen = torch.zeros(AT_ONCE, len(directions), dtype=directions.dtype, device=directions.device)
        chosen.scatter_(1, drawn, 1.0)
        beyond = (chosen @ directions).square().sum(-1) - chosen @ squares
        means.append(beyond / (size * (size - 1)))
    return torch.cat(means)


def draw_congruence(result: Congruence, theme: Theme = Theme.LIGHT) -> Figure:
    """The histogram of the set's pairs over that of random pairs."""
    title = (
        f"Congruence of {result.words.name}, {len(result.words.words)} words, at {result.place.value}: "
        f"mean {result.mean:.3f}, random {result.random_means.mean():.3f}, p = {result.p_value:.2g}"
    )
    samples = {"pairs of the set": result.pairs, "random pairs": result.random_pairs}
    return histogram(samples, title, f"{result.similarity.value} of two words", "share of pairs", theme)
