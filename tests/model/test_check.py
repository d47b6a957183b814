"""The engine's arithmetic is compared with the model's own code, and a disagreement is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from handmade import handmade_model
from tiny import CONFIGURATIONS, EVERY_NAME, KINDS, VOCAB, crossed, small, tiny, tiny_gpt2, tiny_hf, tiny_llama

from acdc_custom.errors import ModelError
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.model.attention import Pairing, Rotary
from acdc_custom.model.check import check, check_batch
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model

TOKENS = torch.arange(20).reshape(2, 10) % VOCAB


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.float64) for name in EVERY_NAME),
        *(pytest.param(name, torch.float32, marks=() if name in KINDS else pytest.mark.slow) for name in EVERY_NAME),
    ],
)
def test_every_architecture_agrees(name: str, dtype: torch.dtype) -> None:
    assert check(tiny(name, 0, dtype), TOKENS) < 5e-6


def rope(kind: str, **options: float) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 500.0, **options}}


LONG: dict[str, Any] = {
    "short_factor": [1.0, 2.0],
    "long_factor": [3.0, 4.0],
    "factor": 2.0,
    "original_max_position_embeddings": 12,
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gpt2", {"activation_function": "relu"}),
        ("gpt-neo", {"attention_types": [[["local", "global"], 1]]}),
        ("gpt-neox", {"tie_word_embeddings": True}),
        ("opt", {"enable_bias": False}),
        ("llama", {"tie_word_embeddings": True}),
        ("llama", rope("linear", factor=2.0)),
        ("llama", rope("yarn", factor=4.0, original_max_position_embeddings=8)),
        ("llama", rope("dynamic", factor=2.0)),
        ("phi3", {**rope("longrope", **LONG), "original_max_position_embeddings": 12}),
        ("mistral", {"sliding_window": None}),
        ("qwen3", {"attention_bias": True, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
        ("gemma3", {"layer_types": ["full_attention", "full_attention"], "final_logit_softcapping": 3.0}),
        ("granite", {"attention_bias": True, "mlp_bias": True}),
        ("cohere", {"attention_bias": True}),
        ("starcoder2", {"use_bias": False}),
        ("gemma2", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("attention only", {"attn_only": False, "gated_mlp": True, "act_fn": "silu", "normalization_type": "RMS"}),
        ("attention only", {"normalization_type": "LNPre", "use_attn_scale": False}),
        ("attention only", {"final_rms": True}),
    ],
    ids=str,
)
def test_other_configurations_agree(name: str, options: dict[str, Any]) -> None:
    assert check(tiny(name, 0, **options), TOKENS) < 5e-6


@pytest.mark.parametrize("name", crossed(CONFIGURATIONS))
def test_the_plain_forward_pass_is_that_of_hugging_face_without_a_bridge(name: str) -> None:
    with torch.no_grad():
        theirs = tiny_hf(name, 0)(TOKENS).logits
    weights = tiny(name, 0).weights
    ours = weights.logits(weights.final_norm(run(weights, TOKENS).residuals[-1]))
    assert torch.allclose(ours, theirs, atol=1e-5)


def with_block(model: Model, layer: int, **changes: Any) -> Model:
    blocks = list(model.weights.blocks)
    blocks[layer] = dataclasses.replace(blocks[layer], **changes)
    return with_weights(model, blocks=tuple(blocks))


def with_weights(model: Model, **changes: Any) -> Model:
    return dataclasses.replace(model, weights=dataclasses.replace(model.weights, **changes))


def test_a_wrong_rotary_base_is_found_in_the_attention() -> None:
    model = tiny_llama(0)
    attention = model.weights.blocks[0].attention
    rotary = attention.query.rotary
    assert rotary is not None
    query = dataclasses.replace(attention.query, rotary=Rotary(rotary.cos.roll(1, 0), rotary.sin.roll(1, 0)))
    with pytest.raises(ModelError, match=r"tiny-llama \(LlamaForCausalLM\): the attention of layer 0 differs by"):
        check(with_block(model, 0, attention=dataclasses.replace(attention, query=query)), TOKENS)


def test_a_wrong_scale_is_found_in_its_layer() -> None:
    model = tiny_gpt2(0)
    wrong = dataclasses.replace(model.weights.blocks[1].attention, scale=1.0)
    with pytest.raises(ModelError, match="the attention of layer 1 differs"):
        check(with_block(model, 1, attention=wrong), TOKENS)


def test_a_wrong_activation_is_found_in_the_mlp() -> None:
    model = tiny_llama(0)
    wrong = dataclasses.replace(model.weights.blocks[0].mlp, activation=torch.relu)  # type: ignore[type-var]
    with pytest.raises(ModelError, match="the MLP of layer 0 differs"):
        check(with_block(model, 0, mlp=wrong), TOKENS)


def test_a_wrong_embedding_and_wrong_logits_are_found() -> None:
    model = tiny_gpt2(0)
    with pytest.raises(ModelError, match="the embedding differs"):
        check(with_weights(model, token_embedding=model.weights.token_embedding + 1), TOKENS)
    with pytest.raises(ModelError, match="the logits differs"):
        check(with_weights(model, unembedding=model.weights.unembedding * 1.01), TOKENS)


# Something that sets an architecture apart, taken out of the weights, and the component that is wrong then.
FEATURES = [
    ("gpt-neo", "blocks.1.attention.window", None, "the attention of layer 1"),
    ("gpt-neo", "blocks.0.attention.scale", 2.0, "the attention of layer 0"),
    ("gpt-neox", "blocks.1.parallel", False, "the MLP of layer 1"),
    ("gpt-neox, sequential", "blocks.1.parallel", True, "the MLP of layer 1"),
    ("gpt-j", "blocks.1.parallel", False, "the MLP of layer 1"),
    ("gpt-j", "blocks.0.attention.query.rotary.pairing", Pairing.HALVES, "the attention of layer 0"),
    ("gpt-j", "unembedding_bias", None, "the logits"),
    ("gpt-neox", "blocks.0.attention.query.rotary.pairing", Pairing.ADJACENT, "the attention of layer 0"),
    ("phi", "blocks.0.attention.query.rotary.pairing", Pairing.ADJACENT, "the attention of layer 0"),
    ("attention only, rotary", "blocks.0.attention.query.rotary.pairing", Pairing.HALVES, "the attention of layer 0"),
    ("opt", "blocks.0.mlp.activation", torch.tanh, "the MLP of layer 0"),
    ("llama, biases and llama3 rope", "blocks.0.attention.out_bias", None, "the attention of layer 0"),
    ("llama, biases and llama3 rope", "blocks.0.mlp.bias_gate", None, "the MLP of layer 0"),
    ("mistral", "blocks.0.attention.window", None, "the attention of layer 0"),
    ("qwen2", "blocks.0.attention.query.bias", None, "the attention of layer 0"),
    ("qwen2", "blocks.1.attention.window", None, "the attention of layer 1"),
    ("qwen3", "blocks.0.attention.query.norm", None, "the attention of layer 0"),
    ("qwen3", "blocks.0.attention.key.norm", None, "the attention of layer 0"),
    ("gemma2", "blocks.0.attention.window", None, "the attention of layer 0"),
    ("gemma2", "blocks.0.attention.soft_cap", None, "the attention of layer 0"),
    ("gemma2", "blocks.0.attention.scale", 6**0.5, "the attention of layer 0"),
    ("gemma2", "blocks.0.attention.post_norm", None, "the attention of layer 0"),
    ("gemma2", "blocks.0.mlp.post_norm", None, "the MLP of layer 0"),
    ("gemma2", "logit_soft_cap", None, "the logits"),
    ("gemma", "blocks.0.mlp.activation", torch.tanh, "the MLP of layer 0"),
    ("gemma3", "blocks.0.attention.query.norm", None, "the attention of layer 0"),
    ("gemma3", "blocks.0.attention.window", None, "the attention of layer 0"),
    ("gemma3", "blocks.0.attention.query.rotary", "of layer 1", "the attention of layer 0"),
    ("gemma3", "blocks.1.attention.key.rotary", "of layer 0", "the attention of layer 1"),
    ("phi3", "blocks.0.attention.window", None, "the attention of layer 0"),
    ("olmo2", "blocks.0.attention.query.joint", None, "the attention of layer 0"),
    ("olmo2", "blocks.1.attention.key.joint", None, "the attention of layer 1"),
    ("olmo2", "blocks.0.attention.post_norm", None, "the attention of layer 0"),
    ("olmo2", "blocks.0.mlp.post_norm", None, "the MLP of layer 0"),
    ("granite", "blocks.0.attention.scale", 2.0, "the attention of layer 0"),
    ("cohere", "blocks.0.attention.query.rotary.pairing", Pairing.HALVES, "the attention of layer 0"),
    ("cohere", "blocks.1.parallel", False, "the MLP of layer 1"),
    ("gpt-bigcode", "position_embedding", None, "the embedding"),
    ("starcoder2", "blocks.0.attention.window", None, "the attention of layer 0"),
    ("phi", "blocks.1.parallel", False, "the MLP of layer 1"),
    ("phi", "unembedding_bias", None, "the logits"),
    ("attention only", "position_embedding", None, "the embedding"),
    ("attention only, rotary", "blocks.0.attention.soft_cap", None, "the attention of layer 0"),
]


@pytest.mark.parametrize(("name", "path", "value", "component"), FEATURES, ids=lambda value: str(value)[:40])
def test_what_sets_an_architecture_apart_is_missed(name: str, path: str, value: Any, component: str) -> None:
    model = small(name)
    if isinstance(value, str) and value.startswith("of layer "):
        value = model.weights.blocks[int(value[-1])].attention.query.rotary
    with pytest.raises(ModelError, match=f": {component} differs by"):
        check(dataclasses.replace(model, weights=changed(model.weights, path.split("."), value)), TOKENS)


def changed(part: Any, path: list[str], value: Any) -> Any:
    """A part of the weights with what is at `path` inside it replaced."""
    first, *rest = path
    inner = part[int(first)] if isinstance(part, tuple) else getattr(part, first)
    new = changed(inner, rest, value) if rest else value
    assert rest or inner != value, "nothing would change"
    if isinstance(part, tuple):
        return (*part[: int(first)], new, *part[int(first) + 1 :])
    return dataclasses.replace(part, **{first: new})


def test_numbers_that_are_none_are_found() -> None:
    model = tiny_gpt2(0)
    with pytest.raises(ModelError, match="differs by nan"):
        check(with_weights(model, unembedding=model.weights.unembedding * torch.nan), TOKENS)


def test_what_is_made_of_padding_is_no_matter() -> None:
    model = tiny_gpt2(0)
    changed_at = TOKENS[0, -1]
    assert changed_at not in TOKENS[:, :-1]
    embedding = model.weights.token_embedding.clone()
    embedding[changed_at] += 1
    other, present = with_weights(model, token_embedding=embedding), torch.ones_like(TOKENS).bool()
    present[0, -1] = False
    assert check(other, TOKENS, present) < 5e-6
    with pytest.raises(ModelError, match="the embedding differs"):
        check(other, TOKENS)


def test_the_shape_is_read_from_the_weights() -> None:
    assert tiny_llama(0, layers=3, kv_heads=2).graph.shape == GraphShape(3, 4, 2)
    assert tiny_gpt2(0).graph.n_edges == Graph(GraphShape(2, 4, 4)).n_edges


def test_the_fingerprint_tells_weights_apart() -> None:
    assert tiny_gpt2(0).fingerprint == tiny_gpt2(0).fingerprint != tiny_gpt2(1).fingerprint


def test_a_model_that_was_built_by_hand_has_nothing_to_be_compared_with_and_any_other_is_compared() -> None:
    check_batch(handmade_model(), TOKENS, TOKENS, torch.ones_like(TOKENS, dtype=torch.bool))
    model = tiny_gpt2(0)
    wrong = dataclasses.replace(model, weights=tiny_gpt2(1).weights)
    check_batch(model, TOKENS, TOKENS, torch.ones_like(TOKENS, dtype=torch.bool))
    with pytest.raises(ModelError, match="the engine does not reproduce tiny-gpt2"):
        check_batch(wrong, TOKENS, TOKENS, torch.ones_like(TOKENS, dtype=torch.bool))


def test_what_a_configuration_multiplies_is_in_the_weights() -> None:
    plain, scaled = (
        tiny("granite", 0, embedding_multiplier=e, residual_multiplier=r, logits_scaling=d).weights
        for e, r, d in ((1.0, 1.0, 1.0), (3.0, 0.5, 2.0))
    )
    assert torch.allclose(scaled.token_embedding, 3 * plain.token_embedding)
    assert torch.allclose(scaled.unembedding, plain.unembedding / 2)
    for one, other in zip(scaled.blocks, plain.blocks, strict=True):
        assert one.mlp is not None and other.mlp is not None
        assert torch.allclose(one.attention.out, other.attention.out / 2)
        assert torch.allclose(one.mlp.weight_out, other.mlp.weight_out / 2)


@pytest.mark.parametrize(
    ("name", "options", "longest"),
    [
        ("llama", rope("dynamic", factor=2.0), 16),
        ("phi3", {**rope("longrope", **LONG), "original_max_position_embeddings": 12}, 12),
    ],
)
def test_prompts_are_as_long_as_rotary_tables_are_the_same(name: str, options: dict[str, Any], longest: int) -> None:
    assert tiny(name, 0, **options).max_positions == longest
