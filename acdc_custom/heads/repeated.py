"""Induction, duplicate-token and previous-token heads, found on random tokens that are repeated once.

Owns the three scores (Wang et al. 2022, arXiv 2211.00593, appendix; Olsson et al. 2022, arXiv 2209.11895). On `length`
random tokens and the same tokens again, a score is the mean attention along one diagonal: from the second occurrence
of a token to the token after its first (induction), to its first (duplicate token), or from any token to the one
before it (previous token). The control is the same diagonal on as many random tokens without a repetition: attention
that position alone explains. The previous-token diagonal has no such control, since it needs no repetition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model

LENGTH = 100  # random tokens, or as many as the model can read twice
SEQUENCES = 4


@dataclass(frozen=True)
class RepeatedScores:
    """Mean attention per head, `[layer][head]`."""

    length: int
    induction: tuple[tuple[float, ...], ...]
    duplicate: tuple[tuple[float, ...], ...]
    previous: tuple[tuple[float, ...], ...]
    induction_control: tuple[tuple[float, ...], ...]
    duplicate_control: tuple[tuple[float, ...], ...]


@torch.no_grad()
def repeated_scores(
    model: Model,
    length: int = LENGTH,
    sequences: int = SEQUENCES,
    seed: int = 0,
    on_sequence: Callable[[], object] = lambda: None,
) -> RepeatedScores:
    """The scores of every head of the model. The same seed, the same tokens.

    A model that reads fewer than `2 * length` tokens gets as many as it can read. `on_sequence` is called
    `2 * sequences` times: for each of them, repeated and not.
    """
    length = min(length, model.max_positions // 2)
    generator = torch.Generator().manual_seed(seed)
    words = _ordinary_tokens(model)
    total = torch.zeros(())
    for _ in range(sequences):
        first, fresh = words[torch.randint(len(words), (2, length), generator=generator)]
        repeated = _diagonals(model, torch.cat((first, first)), length)
        on_sequence()
        plain = _diagonals(model, torch.cat((first, fresh)), length)
        on_sequence()
        total = total + torch.cat((repeated, plain[:2])) / sequences
    return RepeatedScores(length, *(tuple(map(tuple, score)) for score in total.tolist()))


def _ordinary_tokens(model: Model) -> Tensor:
    """Every token but the special ones."""
    n_words = len(model.weights.unembedding)
    special = set(getattr(model.tokenizer, "all_special_ids", ()))
    return torch.tensor([token for token in range(n_words) if token not in special])


def _diagonals(model: Model, tokens: Tensor, length: int) -> Tensor:
    """Mean attention at the offsets of induction, duplicate and previous tokens: `[offset, layer, head]`."""
    means = []
    for layer in layers(model.weights, tokens[None].to(model.device)):
        pattern = layer.pattern()[:, 0]  # [head, pos, key]
        means.append(torch.stack([pattern.diagonal(offset, -2, -1).mean(-1) for offset in (1 - length, -length, -1)]))
    return torch.stack(means, dim=1).cpu()
