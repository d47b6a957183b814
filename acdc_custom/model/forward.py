"""A plain forward pass that keeps what every node writes.

Owns the reference way to run the whole model, clean or with some edges carrying something else: one pass,
layer by layer, no shortcuts. The fast engine takes its clean and corrupted activations from here and is
checked against it; the model itself is checked against TransformerBridge (`check.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.model.weights import Weights


@dataclass(frozen=True)
class Run:
    """What one forward pass computed."""

    outputs: Tensor  # [sender, prompt, pos, d_model], senders in topological order, without output biases
    residuals: Tensor  # [read, prompt, pos, d_model]: before each layer's heads, before its MLP, ..., before the logits
    post_scales: dict[int, Tensor]  # for layers with a norm after their heads: its scale there, [prompt, pos, 1]


def run(weights: Weights, tokens: Tensor) -> Run:
    """Run `tokens` `[prompt, pos]` through the model. Padding belongs on the right, where nothing reads it."""
    residual = weights.embed(tokens)  # [prompt, pos, d_model]
    n_positions = tokens.shape[1]
    positions = torch.arange(n_positions, device=tokens.device)
    rotary = weights.rotary and weights.rotary.at(positions)
    n_senders = 1 + sum(len(block.attention.out) + (block.mlp is not None) for block in weights.blocks)
    outputs = residual.new_empty(n_senders, *residual.shape)
    outputs[0], place = residual, 1
    residuals, post_scales = [], {}
    for layer, block in enumerate(weights.blocks):
        before = residual
        residuals.append(before)
        attention, normed = block.attention, block.attention_norm(residual)
        q, k, v = (p.shared(normed) for p in (attention.query, attention.key, attention.value))
        if rotary is not None:
            q, k = rotary(q), rotary(k)
        group_size = q.shape[0] // k.shape[0]
        k, v = k.repeat_interleave(group_size, 0), v.repeat_interleave(group_size, 0)
        mask = attention.mask(positions, n_positions)[None]
        z = attention.pattern(q, k, mask, "") @ v  # [head, prompt, pos, d_head]
        heads = torch.einsum("hnpe,hed->hnpd", z, attention.out)
        if attention.post_norm is not None:
            post_scales[layer] = attention.post_norm.scale(heads.sum(0))
            heads = heads * (post_scales[layer] * attention.post_norm.weight)
        outputs[place : place + len(heads)] = heads
        place += len(heads)
        residual = residual + heads.sum(0)
        if attention.out_bias is not None:
            residual = residual + attention.out_bias
        if block.mlp is not None and block.mlp_norm is not None:
            read = before if block.parallel else residual
            residuals.append(read)
            out = block.mlp(block.mlp_norm(read))
            outputs[place] = out
            place += 1
            residual = residual + out
            if block.mlp.bias_out is not None:
                residual = residual + block.mlp.bias_out
    residuals.append(residual)
    return Run(outputs, torch.stack(residuals), post_scales)
