"""A plain forward pass that keeps what every node writes.

Owns the activations that circuits are made of. The fast engine takes its clean and corrupted activations from here
and is checked against it; the model itself is checked against TransformerBridge (`check.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.model.layers import NOTHING, Replaced, layers
from acdc_custom.model.weights import Weights


@dataclass(frozen=True)
class ForwardPass:
    """What one forward pass computed."""

    outputs: Tensor  # [sender, prompt, pos, d_model], senders in topological order, heads without their output bias
    residuals: Tensor  # [read, prompt, pos, d_model]: before each layer's heads, before its MLP, ..., before the logits
    post_scales: dict[int, Tensor]  # for layers with a norm after their heads: its scale there, [prompt, pos, 1]


def reads(weights: Weights, tokens: Tensor, replaced: Replaced = NOTHING) -> Tensor:
    """The residual streams of `run` alone: `[read, prompt, pos, d_model]`."""
    residuals, residual = [], replaced.embed(weights, tokens)
    for layer in layers(weights, tokens, replaced):
        residuals += [layer.before] if layer.mlp_input is None else [layer.before, layer.mlp_input]
        residual = layer.after
    return torch.stack([*residuals, residual])


def run(weights: Weights, tokens: Tensor, replaced: Replaced = NOTHING) -> ForwardPass:
    """Run `tokens` `[prompt, pos]` through the model. Padding belongs on the right, where nothing reads it."""
    residual = replaced.embed(weights, tokens)  # [prompt, pos, d_model]
    n_senders = 1 + sum(len(block.attention.out) + (block.mlp is not None) for block in weights.blocks)
    outputs = residual.new_empty(n_senders, *residual.shape)
    outputs[0], place = residual, 1
    residuals, post_scales = [], {}
    for number, layer in enumerate(layers(weights, tokens, replaced)):
        residuals.append(layer.before)
        n_heads = len(layer.z)
        outputs[place : place + n_heads] = layer.head_outputs()
        place += n_heads
        if layer.post_scale is not None:
            post_scales[number] = layer.post_scale
        if layer.mlp_input is not None and layer.mlp_output is not None:
            residuals.append(layer.mlp_input)
            outputs[place] = layer.mlp_output
            place += 1
        residual = layer.after
    residuals.append(residual)
    return ForwardPass(outputs, torch.stack(residuals), post_scales)
