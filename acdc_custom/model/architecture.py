"""Which architectures the engine computes, and what differs between them.

Owns one description per architecture and the reading of weights out of a TransformerBridge. A description
says only what the bridge's configuration does not say reliably; sizes come from the weights, rotary tables
from the model's own code (`bridge.cfg.rotary_base` has been seen to read 10000 for a model whose base is
100000). That the reading is right is not assumed: see `check.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from acdc_custom.errors import ModelError
from acdc_custom.graph import GraphShape
from acdc_custom.model.weights import (
    Attention,
    Block,
    Mlp,
    Norm,
    NormKind,
    Projection,
    Rotary,
    Weights,
)


class Positions(StrEnum):
    """How a model knows where a token stands."""

    LEARNED = "learned embeddings"
    ROTARY = "rotary"


@dataclass(frozen=True)
class Architecture:
    """What the engine must be told about one Hugging Face model class."""

    title: str
    norm: NormKind
    positions: Positions
    gated_mlp: bool


ARCHITECTURES: dict[str, Architecture] = {
    "GPT2LMHeadModel": Architecture("GPT-2", NormKind.LAYER, Positions.LEARNED, gated_mlp=False),
    "LlamaForCausalLM": Architecture("Llama, SmolLM2", NormKind.RMS, Positions.ROTARY, gated_mlp=True),
}


def describe(class_name: str) -> Architecture:
    """The description of a Hugging Face model class. Raises `ModelError` naming what is supported."""
    if class_name not in ARCHITECTURES:
        known = ", ".join(f"{name} ({arch.title})" for name, arch in ARCHITECTURES.items())
        raise ModelError(f"the engine has no description of the architecture {class_name}. It has: {known}.")
    return ARCHITECTURES[class_name]


def read_shape(bridge: Any) -> GraphShape:
    """The graph's numbers, from the shapes of the weights."""
    attention = bridge.blocks[0].attn
    return GraphShape(
        n_layers=len(bridge.blocks),
        n_heads=attention.W_Q.shape[0],
        n_kv_heads=attention.W_K.shape[0],
    )


def read_weights(bridge: Any, architecture: Architecture, n_positions: int) -> Weights:
    """Every weight that the engine needs, with rotary tables for the first `n_positions` positions."""
    learned = architecture.positions is Positions.LEARNED
    unembedding_bias = bridge.b_U
    return Weights(
        token_embedding=bridge.W_E.detach(),
        position_embedding=bridge.W_pos.detach() if learned else None,
        rotary=None if learned else _read_rotary(bridge, n_positions),
        blocks=tuple(_read_block(bridge, block, architecture) for block in bridge.blocks),
        final_norm=_read_norm(bridge.ln_final, architecture.norm, bridge.cfg.eps),
        unembedding=bridge.W_U.detach().T.contiguous(),
        # The bridge makes up a bias of zeros for models that have none.
        unembedding_bias=unembedding_bias.detach() if bool(unembedding_bias.any()) else None,
    )


def _read_block(bridge: Any, block: Any, architecture: Architecture) -> Block:
    attention, mlp, eps = block.attn, block.mlp, bridge.cfg.eps
    return Block(
        attention_norm=_read_norm(block.ln1, architecture.norm, eps),
        attention=Attention(
            query=Projection(_own(attention.W_Q), _own_bias(attention.b_Q)),
            key=Projection(_own(attention.W_K), _own_bias(attention.b_K)),
            value=Projection(_own(attention.W_V), _own_bias(attention.b_V)),
            out=_own(attention.W_O),
            out_bias=_own_bias(attention.b_O),
            scale=attention.W_Q.shape[-1] ** 0.5,
        ),
        mlp_norm=_read_norm(block.ln2, architecture.norm, eps),
        mlp=Mlp(
            weight_in=_own(mlp.W_in),
            bias_in=_own_bias(mlp.b_in),
            weight_gate=_own(mlp.W_gate) if architecture.gated_mlp else None,
            weight_out=_own(mlp.W_out),
            bias_out=_own_bias(mlp.b_out),
            activation=_activation(bridge.cfg.act_fn),
        ),
    )


def _read_norm(norm: Any, kind: NormKind, eps: float) -> Norm:
    return Norm(kind, _own(norm.weight), _own(norm.bias) if kind is NormKind.LAYER else None, float(eps))


def _read_rotary(bridge: Any, n_positions: int) -> Rotary:
    weight = bridge.W_E
    positions = torch.arange(n_positions, device=weight.device)[None]
    with torch.no_grad():
        cos, sin = bridge.rotary_emb(weight.new_zeros(1, n_positions, weight.shape[1]), positions)
    return Rotary(cos[0].to(weight.dtype), sin[0].to(weight.dtype))


def _activation(name: str) -> Any:
    from transformers.activations import ACT2FN

    # The same function, but one operation instead of eight.
    return ACT2FN["gelu_pytorch_tanh" if name == "gelu_new" else name]


def _own(weight: Tensor) -> Tensor:
    return weight.detach().contiguous()


def _own_bias(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else _own(bias)
