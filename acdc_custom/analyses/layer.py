"""One layer's attention in steps: queries, keys and values; what heads mix; what they write.

Owns nothing but the order of the steps, for analyses that change something in between. The mathematics is the weights'.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.model.weights import Attention, Weights


@dataclass(frozen=True)
class Projected:
    """What a layer's heads read: `q` `[head, prompt, pos, d_head]`; `k` and `v` per key/value head."""

    q: Tensor
    k: Tensor
    v: Tensor


def project(weights: Weights, layer: int, residual: Tensor, first: int = 0) -> Projected:
    """Queries, keys and values, rotated, from the `residual` `[prompt, pos, d_model]` before the layer.

    The residual's positions begin at `first`.
    """
    block = weights.blocks[layer]
    normed = block.attention_norm(residual)
    q, k, v = (p.shared(normed) for p in (block.attention.query, block.attention.key, block.attention.value))
    if weights.rotary is not None:
        rotary = weights.rotary.at(torch.arange(first, first + residual.shape[1], device=residual.device))
        q, k = rotary(q), rotary(k)
    return Projected(q, k, v)


def pattern(attention: Attention, q: Tensor, k: Tensor) -> Tensor:
    """Attention `[head, prompt, pos, key]` of queries that stand at the last positions of the keys."""
    n_keys = k.shape[2]
    positions = torch.arange(n_keys - q.shape[2], n_keys, device=q.device)
    return attention.pattern(q, per_head(k, q.shape[0]), attention.mask(positions, n_keys)[None], "")


def per_head(shared: Tensor, n_heads: int) -> Tensor:
    """Each query head's own copy of what it reads from its key/value head."""
    return shared.repeat_interleave(n_heads // shared.shape[0], 0)


def mixed(attention_pattern: Tensor, v: Tensor) -> Tensor:
    """What each head takes from the values it attends to: `z` `[head, prompt, pos, d_head]`."""
    return attention_pattern @ per_head(v, attention_pattern.shape[0])


def written(attention: Attention, total: Tensor) -> Tensor:
    """What the layer's attention adds to the residual stream, from the sum of its heads' `z @ out`."""
    if attention.post_norm is not None:
        total = attention.post_norm(total)
    return total if attention.out_bias is None else total + attention.out_bias
