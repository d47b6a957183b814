"""A forward pass, layer by layer: what every component read and computed.

Owns the reference order of a model's computations. Gives one layer at a time and keeps none, so that a caller decides
what is worth its memory: every node's output (`forward.py`), or only what heads hold in their own few numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.model.attention import Attention
from acdc_custom.model.weights import Weights


@dataclass(frozen=True)
class Replaced:
    """Nodes that write something else, and the scales of norms after the heads that a run keeps to."""

    outputs: Mapping[tuple[int, int], Tensor]  # by layer and head, [prompt, pos, d_model]
    post_scales: Mapping[int, Tensor]  # by layer, [prompt, pos, 1]
    embedding: Tensor | None = None  # [prompt, pos, d_model]; None: that of the tokens
    mlps: Mapping[int, Tensor] = field(default_factory=dict)  # by layer, [prompt, pos, d_model]
    # Where they write something else, [prompt, pos], true or false; of what is not here, everywhere.
    outputs_at: Mapping[tuple[int, int], Tensor] = field(default_factory=dict)
    mlps_at: Mapping[int, Tensor] = field(default_factory=dict)

    def embed(self, weights: Weights, tokens: Tensor) -> Tensor:
        """What `embed` writes: `[prompt, pos, d_model]`."""
        return weights.embed(tokens) if self.embedding is None else self.embedding

    def in_layer(self, layer: int) -> dict[int, Instead]:
        """The outputs of one layer, by head."""
        return {
            head: Instead(output, self.outputs_at.get((layer, head)))
            for (of_layer, head), output in self.outputs.items()
            if of_layer == layer
        }

    def mlp(self, layer: int) -> Instead | None:
        """That of one layer's MLP."""
        return Instead(self.mlps[layer], self.mlps_at.get(layer)) if layer in self.mlps else None


@dataclass(frozen=True)
class Instead:
    """What a node writes in place of what it computes: everywhere, or where `at` is true."""

    output: Tensor  # [prompt, pos, d_model]
    at: Tensor | None  # [prompt, pos]

    def put_over(self, written: Tensor) -> Tensor:
        """`[prompt, pos, d_model]`."""
        return self.output if self.at is None else torch.where(self.at[..., None], self.output, written)


NOTHING = Replaced({}, {})


@dataclass(frozen=True)
class Layer:
    """What one layer computed. `before` and `after` are the residual stream around it."""

    attention: Attention
    before: Tensor  # [prompt, pos, d_model]: what the heads read
    q: Tensor  # [head, prompt, pos, d_head], with rotary positions
    k: Tensor  # [kv head, prompt, pos, d_head], with rotary positions
    v: Tensor  # [kv head, prompt, pos, d_head]
    z: Tensor  # [head, prompt, pos, d_head]: values mixed by attention
    post_scale: Tensor | None  # [prompt, pos, 1]: of a norm after the heads, if there is one
    mlp_input: Tensor | None  # [prompt, pos, d_model]: what the MLP reads
    mlp_output: Tensor | None  # [prompt, pos, d_model]
    after: Tensor  # [prompt, pos, d_model]
    replaced: Mapping[int, Instead]  # by head: written in place of what it computed

    def head_outputs(self, heads: Sequence[int] | None = None) -> Tensor:
        """What all heads or these write, each its own, without the output bias: `[head, prompt, pos, d_model]`."""
        chosen = list(range(len(self.z)) if heads is None else heads)
        written = self.attention.write(self.z[chosen], out=self.attention.out[chosen])
        replaced = {chosen.index(head): output for head, output in self.replaced.items() if head in chosen}
        return _written(self.attention, written, self.post_scale, replaced)

    def pattern(self, heads: Sequence[int] | None = None, positions: Tensor | None = None) -> Tensor:
        """Attention probabilities, `[head, prompt, pos, key]`: of all heads and from every position, or of these.

        `positions` are `[prompt, pos]`. What stands in rows of padding means nothing.
        """
        chosen = list(range(len(self.q)) if heads is None else heads)
        q, (n_prompts, n_keys) = self.q[chosen], self.k.shape[1:3]
        k = self.k[[head // self.attention.group_size for head in chosen]]
        if positions is None:
            return self.attention.pattern(q, k)
        q = q[:, torch.arange(n_prompts, device=q.device)[:, None], positions]
        return self.attention.pattern(q, k, self.attention.mask(positions, n_keys))


def layers(weights: Weights, tokens: Tensor, replaced: Replaced = NOTHING) -> Iterator[Layer]:
    """Run `tokens` `[prompt, pos]` through the model. Padding belongs on the right, where nothing reads it."""
    residual = replaced.embed(weights, tokens)  # [prompt, pos, d_model]
    for number, block in enumerate(weights.blocks):
        before, instead = residual, replaced.in_layer(number)
        attention = block.attention
        q, k, v = attention.at(slice(tokens.shape[1])).project(block.attention_norm(residual))
        z = attention.attend(q, k, v)
        heads, post_scale = attention.write(z), replaced.post_scales.get(number)
        if post_scale is None:
            post_scale = attention.post_scale(heads)
        residual = residual + _written(attention, heads, post_scale, instead).sum(0)
        if attention.out_bias is not None:
            residual = residual + attention.out_bias
        mlp_input = mlp_output = None
        if block.mlp is not None and block.mlp_norm is not None:
            mlp_input = before if block.parallel else residual
            mlp_instead = replaced.mlp(number)
            if mlp_instead is None or mlp_instead.at is not None:
                mlp_output = block.mlp(block.mlp_norm(mlp_input))
            if mlp_instead is not None:
                mlp_output = mlp_instead.put_over(mlp_input if mlp_output is None else mlp_output)
            assert mlp_output is not None
            residual = residual + mlp_output
        yield Layer(attention, before, q, k, v, z, post_scale, mlp_input, mlp_output, residual, instead)


def _written(attention: Attention, heads: Tensor, post_scale: Tensor | None, replaced: Mapping[int, Instead]) -> Tensor:
    """What heads write `[head, prompt, pos, d_model]`, from `z @ out`, which it overwrites."""
    share = attention.share(post_scale)
    if share is not None:
        heads *= share
    for place, instead in replaced.items():
        heads[place] = instead.put_over(heads[place])
    return heads
