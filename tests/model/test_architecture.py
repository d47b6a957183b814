"""What is covered is described; what is not is refused by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tiny import EVERY_NAME, NATIVE, small, tiny

from acdc_custom.errors import ModelError
from acdc_custom.graph import GraphShape
from acdc_custom.model.architecture import ARCHITECTURES, describe
from acdc_custom.model.table import table


def test_every_architecture_has_a_tiny_model() -> None:
    assert {tiny(name, 0).architecture for name in EVERY_NAME} == set(ARCHITECTURES)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True is not covered"),
    ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights = False is not covered: it has to be True"),
    ("gpt-neox", {"attention_bias": False}, "attention_bias = False is not covered"),
    ("opt", {"do_layer_norm_before": False}, "do_layer_norm_before = False is not covered: it has to be True"),
    ("opt", {"word_embed_proj_dim": 8}, "word_embed_proj_dim = 8 is not covered: it has to be hidden_size"),
    ("phi", {"qk_layernorm": True}, "qk_layernorm = True is not covered"),
    ("gemma2", {"attention_bias": True}, "attention_bias = True is not covered"),
    ("gemma2", {"use_bidirectional_attention": True}, "use_bidirectional_attention = True is not covered"),
    ("cohere", {"use_qk_norm": True}, "use_qk_norm = True is not covered"),
    ("gemma3", {"use_bidirectional_attention": True}, "use_bidirectional_attention = True is not covered"),
    ("gpt-bigcode", {"multi_query": False}, "multi_query = False is not covered"),
    ("olmo2", {"attention_bias": True}, "attention_bias = True is not covered"),
    ("gpt-bigcode", {"scale_attn_weights": False}, "scale_attn_weights = False is not covered"),
    ("qwen3", {"layer_types": ["full_attention", "chunked_attention"]}, "attention of the type chunked_attention"),
    ("attention only", {"attention_dir": "bidirectional"}, "attention_dir = bidirectional is not covered"),
    ("attention only", {"attn_only": False, "act_fn": "solu_ln"}, "the activation solu_ln is not covered"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_an_option_that_is_not_covered_is_refused_with_the_architecture(
    name: str, options: dict[str, Any], message: str
) -> None:
    title = ARCHITECTURES[small(name).architecture].title
    with pytest.raises(ModelError, match=message) as raised:
        tiny(name, 0, **options)
    assert title in str(raised.value)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gpt-neox", GraphShape(2, 4, 4, parallel=True)),
        ("gpt-neox, sequential", GraphShape(2, 4, 4)),
        ("gpt-j", GraphShape(2, 4, 4, parallel=True)),
        ("phi", GraphShape(2, 4, 2, parallel=True)),
        ("gemma2", GraphShape(2, 4, 2)),
        ("gpt-bigcode", GraphShape(2, 4, 1)),
        ("cohere", GraphShape(2, 4, 2, parallel=True)),
        ("attention only", GraphShape(2, 4, 4, has_mlp=False)),
        ("attention only, rotary", GraphShape(2, 4, 2, has_mlp=False)),
    ],
)
def test_the_graph_has_the_shape_of_the_architecture(name: str, shape: GraphShape) -> None:
    assert tiny(name, 0).graph.shape == shape


def test_the_table_has_a_line_per_architecture_and_says_what_is_in_it() -> None:
    lines = table().splitlines()
    assert len(lines) == 2 + len(ARCHITECTURES)
    (gemma,) = (line for line in lines if "`Gemma2ForCausalLM`" in line)
    for words in ("soft-capped", "norms after heads and MLP", "scaled embedding", "`attention_bias = False`"):
        assert words in gemma


def test_a_native_model_is_described_by_its_own_configuration() -> None:
    model = tiny("attention only", 0, attn_only=False, normalization_type="LN", final_rms=True, gated_mlp=True)
    assert model.graph.shape == GraphShape(NATIVE["n_layers"], NATIVE["n_heads"], NATIVE["n_heads"])
    assert (model.weights.final_norm.kind, model.weights.blocks[0].attention_norm.kind) == ("RMS norm", "layer norm")


@pytest.mark.parametrize(
    "options", [{"rope_type": "spiral"}, {"full_attention": {"rope_type": "default"}, "other": {"rope_type": "spiral"}}]
)
def test_rotary_positions_of_an_unknown_type_are_refused_in_whichever_layers_they_are(options: dict[str, Any]) -> None:
    config = SimpleNamespace(rope_parameters=options)
    with pytest.raises(ModelError, match=r"LlamaForCausalLM .* of the type spiral is not covered"):
        describe("LlamaForCausalLM", config)


@pytest.mark.parametrize("name", ["MixtralForCausalLM", "MambaForCausalLM", "FalconForCausalLM"])
def test_a_class_without_a_description_is_refused_by_name(name: str) -> None:
    with pytest.raises(ModelError, match=f"no description of the architecture {name}"):
        describe(name, SimpleNamespace())
