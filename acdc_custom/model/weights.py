"""The weights of a transformer, one small dataclass per component, and what each component computes.

Owns the mathematics of an MLP, the embedding and the unembedding; norms and attention have their own modules. Every
function takes any leading axes, so that the same code serves a plain forward pass and a window of candidates. Knows
nothing of graphs, caches or searches, and nothing of where weights come from.

Axes, here and in the engine: `head`, `candidate`, `prompt`, `pos` (positions computed), `key` (positions
read), `d_model`, `d_head`, `d_mlp`, `vocab`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from acdc_custom.model.attention import Attention
from acdc_custom.model.norm import Norm, soft_capped
from acdc_custom.model.products import product


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
