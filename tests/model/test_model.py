"""A bridge that is there already becomes a model as one from Hugging Face does."""

from __future__ import annotations

import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, tiny, tiny_hf

from acdc_custom.errors import ModelError
from acdc_custom.model.check import check
from acdc_custom.model.model import wrap_bridge

TOKENS = torch.arange(20).reshape(2, 10) % VOCAB


def hf_bridge(name: str) -> object:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    hf_model = tiny_hf(name, 0)
    return build_bridge_from_module(hf_model, type(hf_model).__name__, hf_config=hf_model.config, model_name=name)


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_a_bridge_around_a_hugging_face_model_gives_the_same_model(name: str) -> None:
    model = wrap_bridge(hf_bridge(name), name)
    assert check(model, TOKENS) < 5e-6
    assert model.graph.shape == tiny(name, 0).graph.shape
    assert torch.equal(model.weights.blocks[1].attention.out, tiny(name, 0).weights.blocks[1].attention.out)


def test_a_native_model_knows_what_it_is() -> None:
    model = tiny("attention only", 0)
    assert (model.architecture, model.max_positions, model.dtype) == ("NativeModel", MAX_POSITIONS, torch.float64)
    assert model.fingerprint == tiny("attention only", 0).fingerprint != tiny("attention only", 1).fingerprint


def test_processed_weights_are_refused() -> None:
    bridge = hf_bridge("gpt2")
    bridge.enable_compatibility_mode()  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="have been processed by TransformerLens"):
        wrap_bridge(bridge, "folded")
