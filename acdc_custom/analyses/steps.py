"""One layer's attention in steps: queries, keys and values; what heads mix; what they write.

Owns nothing but the steps, for analyses that change something in between. Their order in a whole forward pass is
`model/layers.py`'s business, the mathematics of each that of the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from acdc_custom.model.attention import Attention
from acdc_custom.model.weights import Weights


def project(weights: Weights, layer: int, residual: Tensor, first: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries `[head, prompt, pos, d_head]`, and keys and values per key/value head, with rotary positions.

    `residual` `[prompt, pos, d_model]` is what the layer reads at the positions from `first` on.
    """
    block = weights.blocks[layer]
    normed = block.attention_norm(residual)
    q, k, v = (p.shared(normed) for p in (block.attention.query, block.attention.key, block.attention.value))
    if weights.rotary is not None:
        rotary = weights.rotary.at(torch.arange(first, first + residual.shape[1], device=residual.device))
        q, k = rotary(q), rotary(k)
    return q, k, v


def mix(attention: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`z` `[head, prompt, pos, d_head]`, for queries that stand at the last positions of the keys."""
    return attend(attention, q, k) @ _per_head(v, len(q))


def attend(attention: Attention, q: Tensor, k: Tensor) -> Tensor:
    """Attention probabilities `[head, prompt, pos, key]`, for queries that stand at the last positions of the keys."""
    n_keys = k.shape[2]
    positions = torch.arange(n_keys - q.shape[2], n_keys, device=q.device)
    return attention.pattern(q, _per_head(k, len(q)), attention.mask(positions, n_keys)[None], "")


def write(attention: Attention, z: Tensor) -> Tensor:
    """What the layer's attention adds to the residual stream, its bias included: `[prompt, pos, d_model]`."""
    return finish(attention, torch.einsum("hnpe,hed->npd", z, attention.out))


def finish(attention: Attention, total: Tensor) -> Tensor:
    """The same from the sum of the heads' `z @ out`."""
    if attention.post_norm is not None:
        total = attention.post_norm(total)
    return total if attention.out_bias is None else total + attention.out_bias


def _per_head(shared: Tensor, n_heads: int) -> Tensor:
    """Each query head's own copy of what it shares with others."""
    return shared.repeat_interleave(n_heads // len(shared), 0)
