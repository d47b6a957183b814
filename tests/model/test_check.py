"""The engine's arithmetic is compared with the model's own code, and a disagreement is named."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from tiny import VOCAB, tiny_gpt2, tiny_llama

from acdc_custom.errors import ModelError
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.model.check import check
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Rotary

TOKENS = torch.arange(20).reshape(2, 10) % VOCAB


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_supported_architectures_agree(dtype: torch.dtype) -> None:
    for model in (tiny_gpt2(0, dtype=dtype), tiny_llama(0, dtype=dtype), tiny_llama(1, kv_heads=1, dtype=dtype)):
        assert check(model, TOKENS) < 2e-6


def with_block(model: Model, layer: int, **changes: Any) -> Model:
    blocks = list(model.weights.blocks)
    blocks[layer] = dataclasses.replace(blocks[layer], **changes)
    return with_weights(model, blocks=tuple(blocks))


def with_weights(model: Model, **changes: Any) -> Model:
    return dataclasses.replace(model, weights=dataclasses.replace(model.weights, **changes))


def test_a_wrong_rotary_base_is_found_in_the_attention() -> None:
    model = tiny_llama(0)
    rotary = model.weights.rotary
    assert rotary is not None
    with pytest.raises(ModelError, match=r"tiny-llama \(LlamaForCausalLM\): the attention of layer 0 differs by"):
        check(with_weights(model, rotary=Rotary(rotary.cos.roll(1, 0), rotary.sin.roll(1, 0))), TOKENS)


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


def test_numbers_that_are_none_are_found() -> None:
    model = tiny_gpt2(0)
    with pytest.raises(ModelError, match="differs by nan"):
        check(with_weights(model, unembedding=model.weights.unembedding * torch.nan), TOKENS)


def test_the_shape_is_read_from_the_weights() -> None:
    assert tiny_llama(0, layers=3, kv_heads=2).graph.shape == GraphShape(3, 4, 2)
    assert tiny_gpt2(0).graph.n_edges == Graph(GraphShape(2, 4, 4)).n_edges


def test_the_fingerprint_tells_weights_apart() -> None:
    assert tiny_gpt2(0).fingerprint == tiny_gpt2(0).fingerprint != tiny_gpt2(1).fingerprint
