"""The weights of a transformer, one small dataclass per component, and what each component computes.

Owns the mathematics of a single component: a norm, the projections of some heads, attention, an MLP, the
unembedding. Every function takes any leading axes, so that the same code serves a plain forward pass and a
window of candidates. Knows nothing of graphs, caches or searches, and nothing of where weights come from.

Axes, here and in the engine: `head`, `candidate`, `prompt`, `pos` (positions computed), `key` (positions
read), `d_model`, `d_head`, `d_mlp`, `vocab`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor


class NormKind(StrEnum):
    """How a norm scales the residual stream."""

    LAYER = "layer norm"
    RMS = "RMS norm"


@dataclass(frozen=True)
class Norm:
    """A normalisation with its gain and, for layer norm, its bias."""

    kind: NormKind
    weight: Tensor  # [d_model]
    bias: Tensor | None  # [d_model]
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """`x` is `[..., d_model]`."""
        if self.kind is NormKind.LAYER:
            return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


@dataclass(frozen=True)
class Rotary:
    """Rotary position tables, as the model's own code computes them, sliced to some positions."""

    cos: Tensor  # [pos, d_rotary]
    sin: Tensor

    def at(self, positions: Tensor) -> Rotary:
        """The tables at these positions."""
        return Rotary(self.cos[positions], self.sin[positions])

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate the first `d_rotary` numbers of each head vector; `x` is `[..., pos, d_head]`."""
        size = self.cos.shape[-1]
        turned, rest = x[..., :size], x[..., size:]
        first, second = turned.chunk(2, dim=-1)
        turned = turned * self.cos + torch.cat((-second, first), dim=-1) * self.sin
        return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned


@dataclass(frozen=True)
class Projection:
    """A linear map per head from the residual stream: queries, keys or values."""

    weight: Tensor  # [head, d_model, d_head]
    bias: Tensor | None  # [head, d_head]

    def select(self, heads: Tensor) -> Projection:
        """The projection of some of the heads."""
        return Projection(self.weight[heads], None if self.bias is None else self.bias[heads])

    def shared(self, x: Tensor) -> Tensor:
        """All heads read the same `x` `[prompt, pos, d_model]`; gives `[head, prompt, pos, d_head]`."""
        out = torch.einsum("npd,hde->hnpe", x, self.weight)
        return out if self.bias is None else out + self.bias[:, None, None]

    def __call__(self, x: Tensor) -> Tensor:
        """Each head reads its own `x` `[head, ..., d_model]`; gives `[head, ..., d_head]`."""
        out = torch.bmm(x.flatten(1, -2), self.weight)
        if self.bias is not None:
            out = out + self.bias[:, None]
        return out.view(*x.shape[:-1], -1)


@dataclass(frozen=True)
class Attention:
    """One layer's attention. `key` and `value` have one entry per key/value head."""

    query: Projection
    key: Projection
    value: Projection
    out: Tensor  # [head, d_head, d_model]
    out_bias: Tensor | None  # [d_model]: on no edge
    scale: float  # scores are divided by it

    def pattern(self, q: Tensor, k: Tensor, mask: Tensor, candidates: str) -> Tensor:
        """Attention probabilities, `[head, candidate?, prompt, pos, key]`.

        `q` and `k` are `[head, candidate?, prompt, pos | key, d_head]`; `candidates` names those of "qk" that
        have the candidate axis. `mask` is `[prompt, pos, key]`, true where the key may be read.
        """
        cq, ck = ("c" if name in candidates else "" for name in "qk")
        c = "c" if candidates else ""
        scores = torch.einsum(f"h{cq}npe,h{ck}nte->h{c}npt", q, k) / self.scale
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)


@dataclass(frozen=True)
class Mlp:
    """One layer's MLP, with a gate or without."""

    weight_in: Tensor  # [d_model, d_mlp]
    bias_in: Tensor | None
    weight_gate: Tensor | None  # [d_model, d_mlp]
    weight_out: Tensor  # [d_mlp, d_model]
    bias_out: Tensor | None  # [d_model]: on no edge, and not in the output below
    activation: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        """`x` `[..., d_model]`, already normalised; gives `[..., d_model]` without the output bias."""
        hidden = x @ self.weight_in
        if self.bias_in is not None:
            hidden += self.bias_in
        if self.weight_gate is None:
            return self.activation(hidden) @ self.weight_out
        return hidden.mul_(self.activation(x @ self.weight_gate)) @ self.weight_out


@dataclass(frozen=True)
class Block:
    """One layer. `mlp` is None in attention-only models."""

    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm | None
    mlp: Mlp | None


@dataclass(frozen=True)
class Weights:
    """A whole model, as it computes: unprocessed weights, nothing folded, nothing centred."""

    token_embedding: Tensor  # [vocab, d_model]
    position_embedding: Tensor | None  # [pos, d_model]
    rotary: Rotary | None
    blocks: tuple[Block, ...]
    final_norm: Norm
    unembedding: Tensor  # [vocab, d_model]
    unembedding_bias: Tensor | None  # [vocab]

    def embed(self, tokens: Tensor) -> Tensor:
        """`tokens` `[prompt, pos]`; gives `[prompt, pos, d_model]`: the `embed` node's output."""
        out = self.token_embedding[tokens]
        if self.position_embedding is not None:
            out = out + self.position_embedding[: tokens.shape[-1]]
        return out

    def logits(self, normed: Tensor) -> Tensor:
        """`normed` `[..., d_model]` is the residual after the final norm; gives `[..., vocab]`."""
        return F.linear(normed, self.unembedding, self.unembedding_bias)
