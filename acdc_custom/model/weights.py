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

from acdc_custom.model.products import product, product_per_head


class NormKind(StrEnum):
    """How a norm scales what it is given."""

    LAYER = "layer norm"
    RMS = "RMS norm"
    NONE = "no norm"


class Pairing(StrEnum):
    """Which two numbers of a head vector a rotary position turns together."""

    HALVES = "halves"  # number i of the first half with number i of the second
    ADJACENT = "adjacent pairs"  # 0 with 1, 2 with 3, ...


@dataclass(frozen=True)
class Norm:
    """A normalisation with its gain and, for layer norm, its bias."""

    kind: NormKind
    weight: Tensor  # [d_model]; [d_head] for the norm of a query or a key
    bias: Tensor | None  # [d_model]
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """`x` is `[..., d_model]`."""
        match self.kind:
            case NormKind.LAYER:
                return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)
            case NormKind.RMS:
                return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
            case NormKind.NONE:
                return x

    def scale(self, x: Tensor) -> Tensor:
        """An RMS norm's scale, 1 / rms: `[..., 1]` from `[..., d_model]`."""
        return (x.square().mean(-1, keepdim=True) + self.eps).rsqrt()


@dataclass(frozen=True)
class Rotary:
    """Rotary position tables, as the model's own code computes them, sliced to some positions."""

    cos: Tensor  # [pos, d_rotary]
    sin: Tensor
    pairing: Pairing = Pairing.HALVES

    def at(self, positions: Tensor) -> Rotary:
        """The tables at these positions."""
        return Rotary(self.cos[positions], self.sin[positions], self.pairing)

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate the first `d_rotary` numbers of each head vector; `x` is `[..., pos, d_head]`."""
        size = self.cos.shape[-1]
        turned, rest = x[..., :size], x[..., size:]
        if self.pairing is Pairing.ADJACENT:
            crossed = torch.stack((-turned[..., 1::2], turned[..., 0::2]), dim=-1).flatten(-2)
        else:
            first, second = turned.chunk(2, dim=-1)
            crossed = torch.cat((-second, first), dim=-1)
        turned = turned * self.cos + crossed * self.sin
        return torch.cat((turned, rest), dim=-1) if rest.shape[-1] else turned


@dataclass(frozen=True)
class Projection:
    """A linear map per head from the residual stream: queries, keys or values. `norm` comes after it, per head."""

    weight: Tensor  # [head, d_model, d_head]
    bias: Tensor | None  # [head, d_head]
    norm: Norm | None = None

    def select(self, heads: Tensor) -> Projection:
        """The projection of some of the heads."""
        return Projection(self.weight[heads], None if self.bias is None else self.bias[heads], self.norm)

    def shared(self, x: Tensor) -> Tensor:
        """All heads read the same `x` `[prompt, pos, d_model]`; gives `[head, prompt, pos, d_head]`."""
        joined = self.weight.transpose(0, 1).flatten(1)  # [d_model, head * d_head]: one product for all heads
        out = product(x, joined).unflatten(-1, (len(self.weight), -1)).movedim(-2, 0).contiguous()  # type: ignore[no-untyped-call]
        if self.bias is not None:
            out += self.bias[:, None, None]
        return out if self.norm is None else self.norm(out)

    def __call__(self, x: Tensor) -> Tensor:
        """Each head reads its own `x` `[head, ..., d_model]`; gives `[head, ..., d_head]`."""
        out = product_per_head(x, self.weight)
        if self.bias is not None:
            out += self.bias.view(len(self.bias), *[1] * (x.ndim - 2), -1)
        return out if self.norm is None else self.norm(out)


@dataclass(frozen=True)
class Attention:
    """One layer's attention. `key` and `value` have one entry per key/value head.

    A `post_norm` (Gemma 2) normalises the sum of the heads, which makes heads depend on each other. So that heads
    stay nodes of their own, a head's output is its share after that norm, `z @ out * scale * post_norm.weight`,
    and inside a circuit the scale (1 / rms of the sum) is held at its clean value, for every prompt and
    position. What removed edges carry has the scale of the run that it comes from. The full circuit is then the
    clean run and, under the corrupted ablation, the empty one the corrupted run, exactly; a circuit in between
    differs from one with a recomputed scale in this scale only.
    """

    query: Projection
    key: Projection
    value: Projection
    out: Tensor  # [head, d_head, d_model]
    out_bias: Tensor | None  # [d_model]: on no edge
    scale: float  # scores are divided by it
    soft_cap: float | None = None  # then scores are squashed to within it
    window: int | None = None  # how many keys back a query may read, itself included; None: all
    post_norm: Norm | None = None

    def mask(self, positions: Tensor, n_keys: int) -> Tensor:
        """From `positions` `[...]` of queries, `[..., key]`: true where attention may read the key."""
        distance = positions[..., None] - torch.arange(n_keys, device=positions.device)
        causal = distance >= 0
        return causal if self.window is None else causal & (distance < self.window)

    def pattern(self, q: Tensor, k: Tensor, mask: Tensor, candidates: str) -> Tensor:
        """Attention probabilities, `[head, candidate?, prompt, pos, key]`.

        `q` and `k` are `[head, candidate?, prompt, pos | key, d_head]`; `candidates` names those of "qk" that
        have the candidate axis. `mask` is `[prompt, pos, key]`, true where the key may be read.
        """
        cq, ck = ("c" if name in candidates else "" for name in "qk")
        c = "c" if candidates else ""
        scores = torch.einsum(f"h{cq}npe,h{ck}nte->h{c}npt", q, k) / self.scale
        if self.soft_cap is not None:
            scores = soft_capped(scores, self.soft_cap)
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)


@dataclass(frozen=True)
class Mlp:
    """One layer's MLP, with a gate or without. A norm after it is part of the node."""

    weight_in: Tensor  # [d_model, d_mlp]
    bias_in: Tensor | None
    weight_gate: Tensor | None  # [d_model, d_mlp]
    weight_out: Tensor  # [d_mlp, d_model]
    bias_out: Tensor | None  # [d_model]: part of what the MLP writes
    activation: Callable[[Tensor], Tensor]
    bias_gate: Tensor | None = None
    post_norm: Norm | None = None

    def hidden(self, x: Tensor) -> Tensor:
        """What each neuron computes: `x` `[..., d_model]`, already normalised; gives `[..., d_mlp]`."""
        hidden = product(x, self.weight_in, self.bias_in)
        if self.weight_gate is None:
            return self.activation(hidden)
        hidden *= self.activation(product(x, self.weight_gate, self.bias_gate))
        return hidden

    def __call__(self, x: Tensor) -> Tensor:
        """`x` `[..., d_model]`, already normalised; gives `[..., d_model]`."""
        out = product(self.hidden(x), self.weight_out, self.bias_out)
        return out if self.post_norm is None else self.post_norm(out)


@dataclass(frozen=True)
class Block:
    """One layer. `mlp` is None in attention-only models; in a parallel block it does not read its own layer's heads."""

    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm | None
    mlp: Mlp | None
    parallel: bool = False


@dataclass(frozen=True)
class Weights:
    """A whole model, as it computes: nothing centred, and no norm folded into what reads it."""

    token_embedding: Tensor  # [vocab, d_model], times the embedding's scale if the model has one
    position_embedding: Tensor | None  # [pos, d_model], position 0 first
    rotary: Rotary | None
    blocks: tuple[Block, ...]
    final_norm: Norm
    unembedding: Tensor  # [vocab, d_model]
    unembedding_bias: Tensor | None  # [vocab]
    logit_soft_cap: float | None = None  # logits are squashed to within it

    def embed(self, tokens: Tensor) -> Tensor:
        """`tokens` `[prompt, pos]`; gives `[prompt, pos, d_model]`: the `embed` node's output."""
        out = self.token_embedding[tokens]
        if self.position_embedding is not None:
            out = out + self.position_embedding[: tokens.shape[-1]]
        return out

    def logits(self, normed: Tensor) -> Tensor:
        """`normed` `[..., d_model]` is the residual after the final norm; gives `[..., vocab]`."""
        logits = product(normed, self.unembedding.mT, self.unembedding_bias)
        return logits if self.logit_soft_cap is None else soft_capped(logits, self.logit_soft_cap)


def soft_capped(x: Tensor, cap: float) -> Tensor:
    """`cap * tanh(x / cap)`: nearly `x` where it is small, never beyond the cap. Overwrites `x`."""
    squashed = x.div_(cap).tanh_()
    # The derivative of tanh is worked out from its value, which then has to stay as it is.
    return squashed * cap if squashed.requires_grad else squashed.mul_(cap)
