"""Which architectures the engine computes, and what differs between them.

Owns one description per Hugging Face model class: only what sets it apart, as data. The numbers (sizes, scales,
windows) come from the model; `read.py` fetches them as the description says. That description and reading are
right is not assumed: see `check.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from acdc_custom.errors import ModelError
from acdc_custom.model.features import Layout, PositionEncoding, QueryKeyNorms, ScoreScale, Windows
from acdc_custom.model.norm import NormKind
from acdc_custom.model.rope import check_rope


@dataclass(frozen=True)
class SameAs:
    """As a requirement: the same value as another option of the configuration."""

    option: str

    def __str__(self) -> str:
        return f"{self.option}"


def _unchanged(architecture: Architecture, config: Any) -> Architecture:
    return architecture


@dataclass(frozen=True)
class Architecture:
    """What the engine must be told about one model class.

    `requires` maps options of the configuration to the only value that the engine covers. `configured` makes of the
    description the one of a given configuration, where options change more than numbers.
    """

    title: str
    norm: NormKind
    positions: PositionEncoding
    layout: Layout = Layout.SEQUENTIAL
    gated_mlp: bool = False
    position_offset: int = 0  # the first rows of the position embedding that no token uses
    scaled_embedding: bool = False  # by a number that the model keeps beside it
    embedding_scale: str = ""  # the option by which the embedding is multiplied
    residual_scale: str = ""  # the option by which all that heads and MLPs write is multiplied
    logit_scale: str = ""  # the option by which logits are multiplied; "1/option": divided
    gain_offset: float = 0.0  # what the model's code adds to every norm's weight
    final_norm: NormKind | None = None  # where it is of another kind than the others
    query_key_norms: QueryKeyNorms = QueryKeyNorms.NONE
    pre_norms: bool = True  # norms before the heads and before the MLP
    post_norms: bool = False  # norms after the heads and after the MLP
    windows: Windows = Windows.NONE
    local_rotary: bool = False  # layers with a window have rotary positions of their own
    score_scale: ScoreScale | float = ScoreScale.HEAD_SIZE
    attention_soft_cap: str | None = None  # the option that holds it
    logit_soft_cap: str | None = None
    also: str = ""  # for the table: what `configured` may make of it
    requires: Mapping[str, object] = field(default_factory=dict)
    configured: Callable[[Architecture, Any], Architecture] = _unchanged

    @property
    def features(self) -> list[str]:
        """What is in it, in a few words each."""
        mlp = "gated MLP" if self.gated_mlp else "plain MLP"
        scale = self.score_scale
        offset = f" with offset {self.position_offset}" if self.position_offset else ""
        said = {
            f"{self.positions}{offset}": True,
            str(self.norm): True,
            f"norm gain {self.gain_offset:g} + weight": bool(self.gain_offset),
            "norms after heads and MLP" + ("" if self.pre_norms else ", none before"): self.post_norms,
            str(self.query_key_norms): self.query_key_norms is not QueryKeyNorms.NONE,
            mlp: self.layout is not Layout.NO_MLP,
            str(self.layout): self.layout is not Layout.SEQUENTIAL,
            str(self.windows): self.windows is not Windows.NONE,
            str(scale): isinstance(scale, ScoreScale) and scale is not ScoreScale.HEAD_SIZE,
            "scaled embedding": self.scaled_embedding or bool(self.embedding_scale),
            "scaled outputs of heads and MLPs": bool(self.residual_scale),
            "scaled logits": bool(self.logit_scale),
            "rotary positions of their own in layers with a window": self.local_rotary,
            "soft-capped attention scores and logits": self.logit_soft_cap is not None,
        }
        said[self.also] = bool(self.also)
        return [words for words, applies in said.items() if applies]


def _gpt_neox(architecture: Architecture, config: Any) -> Architecture:
    return architecture if config.use_parallel_residual else replace(architecture, layout=Layout.SEQUENTIAL)


def _native(architecture: Architecture, config: Any) -> Architecture:
    kinds = {"LN": NormKind.LAYER, "LNPRE": NormKind.LAYER, "RMS": NormKind.RMS, "RMSPRE": NormKind.RMS}
    own_scale = config.use_attn_scale and config.attn_scale > 0
    return replace(
        architecture,
        norm=kinds[config.normalization_type.upper()] if config.normalization_type else NormKind.NONE,
        final_norm=NormKind.RMS if config.final_rms else None,
        positions=PositionEncoding.ROTARY_ADJACENT
        if config.positional_embedding_type == "rotary"
        else PositionEncoding.LEARNED,
        layout=Layout.NO_MLP if config.attn_only else Layout.SEQUENTIAL,
        gated_mlp=bool(config.gated_mlp),
        score_scale=float(config.attn_scale) if own_scale else ScoreScale.HEAD_SIZE,
    )


_LLAMA = Architecture("Llama, SmolLM2", NormKind.RMS, PositionEncoding.ROTARY, gated_mlp=True)

ARCHITECTURES: dict[str, Architecture] = {
    "GPT2LMHeadModel": Architecture(
        "GPT-2",
        NormKind.LAYER,
        PositionEncoding.LEARNED,
        requires={
            "scale_attn_weights": True,
            "scale_attn_by_inverse_layer_idx": False,
            "add_cross_attention": False,
        },
    ),
    "GPTNeoForCausalLM": Architecture(
        "GPT-Neo",
        NormKind.LAYER,
        PositionEncoding.LEARNED,
        windows=Windows.LOCAL_LAYERS,
        score_scale=ScoreScale.NONE,
    ),
    "GPTNeoXForCausalLM": Architecture(
        "GPT-NeoX, Pythia",
        NormKind.LAYER,
        PositionEncoding.ROTARY,
        layout=Layout.PARALLEL,
        also="or one after the other, by `use_parallel_residual`",
        requires={"attention_bias": True},
        configured=_gpt_neox,
    ),
    "GPTJForCausalLM": Architecture(
        "GPT-J",
        NormKind.LAYER,
        PositionEncoding.ROTARY_ADJACENT,
        layout=Layout.PARALLEL_ONE_NORM,
    ),
    "OPTForCausalLM": Architecture(
        "OPT",
        NormKind.LAYER,
        PositionEncoding.LEARNED,
        position_offset=2,
        requires={
            "do_layer_norm_before": True,
            "word_embed_proj_dim": SameAs("hidden_size"),
            "_remove_final_layer_norm": False,
            "layer_norm_elementwise_affine": True,
        },
    ),
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": replace(_LLAMA, title="Mistral", windows=Windows.EVERY_LAYER),
    "Qwen2ForCausalLM": replace(_LLAMA, title="Qwen2", windows=Windows.SOME_LAYERS),
    "Qwen3ForCausalLM": replace(
        _LLAMA, title="Qwen3", windows=Windows.SOME_LAYERS, query_key_norms=QueryKeyNorms.EACH_HEAD
    ),
    "Gemma2ForCausalLM": replace(
        _LLAMA,
        title="Gemma 2",
        scaled_embedding=True,
        gain_offset=1.0,
        post_norms=True,
        windows=Windows.SOME_LAYERS,
        score_scale=ScoreScale.QUERY_PRE_ATTN_SCALAR,
        attention_soft_cap="attn_logit_softcapping",
        logit_soft_cap="final_logit_softcapping",
        requires={"attention_bias": False, "use_bidirectional_attention": False},
    ),
    "GemmaForCausalLM": replace(
        _LLAMA,
        title="Gemma",
        scaled_embedding=True,
        gain_offset=1.0,
        requires={"attention_bias": False, "use_bidirectional_attention": False},
    ),
    "Gemma3ForCausalLM": replace(
        _LLAMA,
        title="Gemma 3 (text)",
        scaled_embedding=True,
        gain_offset=1.0,
        query_key_norms=QueryKeyNorms.EACH_HEAD,
        post_norms=True,
        windows=Windows.SOME_LAYERS,
        local_rotary=True,
        score_scale=ScoreScale.QUERY_PRE_ATTN_SCALAR,
        logit_soft_cap="final_logit_softcapping",
        requires={"attention_bias": False, "use_bidirectional_attention": False, "attn_logit_softcapping": False},
    ),
    "Phi3ForCausalLM": replace(_LLAMA, title="Phi-3", windows=Windows.EVERY_LAYER),
    "Olmo2ForCausalLM": replace(
        _LLAMA,
        title="OLMo 2",
        query_key_norms=QueryKeyNorms.ALL_HEADS,
        pre_norms=False,
        post_norms=True,
        requires={"attention_bias": False},
    ),
    "GraniteForCausalLM": replace(
        _LLAMA,
        title="Granite",
        embedding_scale="embedding_multiplier",
        residual_scale="residual_multiplier",
        logit_scale="1/logits_scaling",
        score_scale=ScoreScale.ATTENTION_MULTIPLIER,
    ),
    "CohereForCausalLM": replace(
        _LLAMA,
        title="Cohere Command-R",
        norm=NormKind.LAYER,
        positions=PositionEncoding.ROTARY_ADJACENT,
        layout=Layout.PARALLEL_ONE_NORM,
        logit_scale="logit_scale",
        requires={"use_qk_norm": False},
    ),
    "GPTBigCodeForCausalLM": Architecture(
        "GPT-BigCode, StarCoder",
        NormKind.LAYER,
        PositionEncoding.LEARNED,
        requires={"multi_query": True, "scale_attn_weights": True, "add_cross_attention": False},
    ),
    "Starcoder2ForCausalLM": Architecture(
        "StarCoder2",
        NormKind.LAYER,
        PositionEncoding.ROTARY,
        windows=Windows.EVERY_LAYER,
    ),
    "PhiForCausalLM": Architecture(
        "Phi",
        NormKind.LAYER,
        PositionEncoding.ROTARY,
        layout=Layout.PARALLEL_ONE_NORM,
        requires={"qk_layernorm": False},
    ),
    "NativeModel": Architecture(
        "TransformerBridge.boot_native",
        NormKind.LAYER,
        PositionEncoding.LEARNED,
        layout=Layout.NO_MLP,
        attention_soft_cap="attn_scores_soft_cap",
        logit_soft_cap="output_logits_soft_cap",
        also="or as its configuration says: rotary positions, RMS norm or no norm, MLPs",
        requires={"attention_dir": "causal"},
        configured=_native,
    ),
}


def describe(class_name: str, config: Any) -> Architecture:
    """The description of a model class under this configuration.

    Raises `ModelError` naming what is supported, for a class without a description and for an option that it does
    not cover.
    """
    if class_name not in ARCHITECTURES:
        known = ", ".join(f"{name} ({arch.title})" for name, arch in ARCHITECTURES.items())
        raise ModelError(f"the engine has no description of the architecture {class_name}. It has: {known}.")
    architecture = ARCHITECTURES[class_name]
    for option, required in architecture.requires.items():
        wanted = getattr(config, required.option) if isinstance(required, SameAs) else required
        # An option that is not there, or not set, is off.
        given = getattr(config, option, None) or False if wanted is False else getattr(config, option, wanted)
        if given != wanted:
            raise ModelError(
                f"{class_name} ({architecture.title}) with {option} = {given} is not covered: it has to be {required}."
            )
    check_rope(f"{class_name} ({architecture.title})", config)
    return architecture.configured(architecture, config)
