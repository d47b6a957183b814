"""Reading a model's weights out of a TransformerBridge, as its architecture's description says.

Owns where TransformerLens and Hugging Face code keep things. Sizes come from the weights' shapes; scales of norms
and rotary tables from the model's own modules (`bridge.cfg.rotary_base` has been seen to read 10000 for a model
whose base is 100000); everything else from the configuration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from acdc_custom.errors import ModelError
from acdc_custom.graph import GraphShape
from acdc_custom.model.architecture import Architecture
from acdc_custom.model.attention import Attention, JointNorm, Pairing, Projection, Rotary
from acdc_custom.model.features import Layout, PositionEncoding, QueryKeyNorms, ScoreScale, Windows
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.model.weights import Block, Mlp, Weights

PARALLEL = (Layout.PARALLEL, Layout.PARALLEL_ONE_NORM)


def read_shape(bridge: Any, architecture: Architecture) -> GraphShape:
    """The graph's numbers, from the shapes of the weights."""
    attention = bridge.blocks[0].attn
    return GraphShape(
        n_layers=len(bridge.blocks),
        n_heads=attention.W_Q.shape[0],
        n_kv_heads=attention.W_K.shape[0],
        parallel=architecture.layout in PARALLEL,
        has_mlp=architecture.layout is not Layout.NO_MLP,
    )


def read_weights(bridge: Any, architecture: Architecture, config: Any, n_positions: int) -> Weights:
    """Every weight that the engine needs, with rotary tables for the first `n_positions` positions."""
    learned = architecture.positions is PositionEncoding.LEARNED
    reader = _Reader(bridge, architecture, config)
    unembedding_bias = bridge.b_U
    return Weights(
        token_embedding=reader.token_embedding(),
        position_embedding=reader.position_embedding() if learned else None,
        blocks=tuple(
            reader.block(layer, block, None if learned else reader.rotary(n_positions, layer))
            for layer, block in enumerate(bridge.blocks)
        ),
        final_norm=reader.norm(bridge.ln_final, architecture.final_norm or architecture.norm),
        unembedding=_times(_own(bridge.W_U.T), reader.scale(architecture.logit_scale)),
        # The bridge makes up a bias of zeros for models that have none.
        unembedding_bias=_times(unembedding_bias.detach(), reader.scale(architecture.logit_scale))
        if bool(unembedding_bias.any())
        else None,
        logit_soft_cap=reader.soft_cap(architecture.logit_soft_cap),
    )


class _Reader:
    """A bridge, and how to read it."""

    def __init__(self, bridge: Any, architecture: Architecture, config: Any) -> None:
        self.bridge = bridge
        self.architecture = architecture
        self.config = config
        self.rotaries: dict[tuple[str, ...], Rotary] = {}

    def token_embedding(self) -> Tensor:
        weight: Tensor = self.bridge.W_E.detach()
        if not self.architecture.scaled_embedding:
            return _times(weight, self.scale(self.architecture.embedding_scale))
        # The model's own number, which it has rounded to its precision.
        scale: Tensor = _module(self.bridge.embed).embed_scale
        return weight * scale.to(weight.dtype)

    def position_embedding(self) -> Tensor:
        # Not bridge.W_pos, which leaves out rows that it takes for an offset, by their number.
        weight: Tensor = self.bridge.pos_embed.W_pos.detach()
        return weight[self.architecture.position_offset :]

    def block(self, layer: int, block: Any, rotary: Rotary | None) -> Block:
        layout = self.architecture.layout
        attention_norm = self.pre_norm(block, "ln1")
        has_mlp = layout is not Layout.NO_MLP
        mlp_norm = None
        if has_mlp:
            mlp_norm = attention_norm if layout is Layout.PARALLEL_ONE_NORM else self.pre_norm(block, "ln2")
        return Block(
            attention_norm=attention_norm,
            attention=self.attention(layer, block, rotary),
            mlp_norm=mlp_norm,
            mlp=self.mlp(block) if has_mlp else None,
            parallel=layout in PARALLEL,
        )

    def attention(self, layer: int, block: Any, rotary: Rotary | None) -> Attention:
        attention, written = block.attn, self.scale(self.architecture.residual_scale)
        return Attention(
            query=self.projection(attention, "q", rotary),
            key=self.projection(attention, "k", rotary),
            value=Projection(_own(attention.W_V), _own_bias(attention.b_V)),
            out=_times(_own(attention.W_O), written),
            out_bias=_own_bias(attention.b_O, written),
            scale=self.score_scale(attention.W_Q.shape[-1]),
            soft_cap=self.soft_cap(self.architecture.attention_soft_cap),
            window=self.window(layer),
            post_norm=self.norm(block.ln1_post) if self.architecture.post_norms else None,
        )

    def projection(self, attention: Any, which: str, rotary: Rotary | None) -> Projection:
        """The queries (`q`) or the keys (`k`)."""
        weight, bias = (getattr(attention, f"{kind}_{which.upper()}") for kind in "Wb")
        plain = Projection(_own(weight), _own_bias(bias), rotary=rotary)
        match self.architecture.query_key_norms:
            case QueryKeyNorms.NONE:
                return plain
            case QueryKeyNorms.EACH_HEAD:
                return replace(plain, norm=self.norm(getattr(attention, f"{which}_norm")))
            case QueryKeyNorms.ALL_HEADS:
                norm = self.norm(getattr(attention, f"{which}_norm"))
                gain = norm.weight.unflatten(0, (len(weight), -1))  # type: ignore[no-untyped-call]
                together = None if plain.bias is None else plain.bias.flatten()
                return replace(
                    plain, joint=JointNorm(_own(weight.transpose(0, 1).flatten(1)), together, gain, norm.eps)
                )

    def pre_norm(self, block: Any, name: str) -> Norm:
        if self.architecture.pre_norms:
            return self.norm(getattr(block, name))
        return Norm(NormKind.NONE, torch.ones_like(self.bridge.W_E[0]).detach(), None, 0.0)

    def scale(self, option: str) -> float:
        """The number that an option holds, or one over it: "1/option"; 1 where there is no option."""
        name = option.removeprefix("1/")
        value = getattr(self.config, name) if name else None
        number = 1.0 if value is None else float(value)
        return 1 / number if option != name else number

    def mlp(self, block: Any) -> Mlp:
        mlp, gated, written = block.mlp, self.architecture.gated_mlp, self.scale(self.architecture.residual_scale)
        return Mlp(
            weight_in=_own(mlp.W_in),
            bias_in=_own_bias(mlp.b_in),
            weight_gate=_own(mlp.W_gate) if gated else None,
            weight_out=_times(_own(mlp.W_out), written),
            bias_out=_own_bias(mlp.b_out, written),
            activation=self.activation(self.bridge.cfg.act_fn),
            bias_gate=_own_bias(mlp.b_gate) if gated else None,
            post_norm=self.norm(block.ln2_post) if self.architecture.post_norms else None,
        )

    def norm(self, norm: Any, kind: NormKind | None = None) -> Norm:
        kind, module = kind or self.architecture.norm, _module(norm)
        eps = float(getattr(module, "variance_epsilon", getattr(module, "eps", 0.0)))
        if getattr(module, "weight", None) is None:
            return Norm(kind, torch.ones_like(self.bridge.W_E[0]).detach(), None, eps)
        weight = _own(module.weight)
        if self.architecture.gain_offset:
            weight = weight + self.architecture.gain_offset
        bias = getattr(module, "bias", None) if kind is NormKind.LAYER else None
        return Norm(kind, weight, _own_bias(bias), eps)

    def rotary_of(self, n_positions: int, *layer_type: str) -> Rotary:
        weight = self.bridge.W_E
        adjacent = self.architecture.positions is PositionEncoding.ROTARY_ADJACENT
        if hasattr(self.bridge, "rotary_emb"):
            positions = torch.arange(n_positions, device=weight.device)[None]
            x = weight.new_zeros(1, n_positions, weight.shape[1])
            with torch.no_grad():
                cos, sin = self.bridge.rotary_emb(x, positions, *layer_type)
            pairing = Pairing.ADJACENT if adjacent else Pairing.HALVES
            return Rotary(cos[0].to(weight.dtype), sin[0].to(weight.dtype), pairing)
        shared = getattr(_module(self.bridge), "rotary", None)
        if shared is not None:
            cos, sin = shared.cos_cached, shared.sin_cached
        else:
            table = _module(self.bridge.blocks[0].attn).embed_positions  # [pos, sin of each pair, cos of each pair]
            sin, cos = (half.repeat_interleave(2, dim=-1) for half in table.chunk(2, dim=-1))
        return Rotary(cos[:n_positions].to(weight), sin[:n_positions].to(weight), Pairing.ADJACENT)

    def rotary(self, n_positions: int, layer: int) -> Rotary:
        """The tables of a layer, the same object for all layers that have the same."""
        of_type = (self.config.layer_types[layer],) if self.architecture.local_rotary else ()
        if of_type not in self.rotaries:
            self.rotaries[of_type] = self.rotary_of(n_positions, *of_type)
        return self.rotaries[of_type]

    def score_scale(self, d_head: int) -> float:
        match self.architecture.score_scale:
            case ScoreScale.HEAD_SIZE:
                return float(d_head**0.5)
            case ScoreScale.NONE:
                return 1.0
            case ScoreScale.ATTENTION_MULTIPLIER:
                return 1 / float(self.config.attention_multiplier)
            case ScoreScale.QUERY_PRE_ATTN_SCALAR:
                return float(self.config.query_pre_attn_scalar**0.5)
            case scale:
                return scale

    def soft_cap(self, option: str | None) -> float | None:
        cap = getattr(self.config, option) if option else None
        return float(cap) if cap and cap > 0 else None

    def window(self, layer: int) -> int | None:
        config = self.config
        match self.architecture.windows:
            case Windows.NONE:
                return None
            case Windows.EVERY_LAYER:
                return None if config.sliding_window is None else int(config.sliding_window)
            case Windows.SOME_LAYERS:
                kind, size, names = (
                    config.layer_types[layer],
                    config.sliding_window,
                    ("full_attention", "sliding_attention"),
                )
            case Windows.LOCAL_LAYERS:
                kind, size, names = config.attention_layers[layer], config.window_size, ("global", "local")
        if kind not in names:
            raise ModelError(
                f"{self.architecture.title} with attention of the type {kind} in layer {layer} is not covered. "
                f"Covered: {', '.join(names)}."
            )
        return int(size) if kind == names[1] else None

    def activation(self, name: str) -> Any:
        from transformers.activations import ACT2FN

        if name not in ACT2FN:
            raise ModelError(f"{self.architecture.title} with the activation {name} is not covered.")
        # The same function, but one operation instead of eight.
        return ACT2FN["gelu_pytorch_tanh" if name == "gelu_new" else name]


def _module(component: Any) -> Any:
    """The model's own module behind a component of the bridge."""
    return component.original_model if hasattr(component, "original_model") else component.original_component


def _times(weight: Tensor, scale: float) -> Tensor:
    """A weight times a number of the configuration; itself, and no copy, where that is 1."""
    return weight if scale == 1.0 else weight * scale


def _own(weight: Tensor) -> Tensor:
    return weight.detach().contiguous()


def _own_bias(bias: Tensor | None, scale: float = 1.0) -> Tensor | None:
    return None if bias is None else _times(_own(bias), scale)
