"""Contributions add up to the logit difference, and agree with TransformerLens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import NAMES, crossed, random_prompts, tiny, tiny_gpt2, tiny_hf
from tiny_task import prepared

from acdc_custom.analyses.lens import (
    draw_contributions,
    draw_head_attribution,
    draw_logit_lens,
    head_attribution,
    logit_lens,
)
from acdc_custom.graph import Sender

# Logits before the cap cannot be compared with logits after it.
UNCAPPED = {"gemma2": {"final_logit_softcapping": None}, "attention only, rotary": {"output_logits_soft_cap": -1.0}}


@pytest.mark.parametrize("name", crossed(NAMES))
def test_contributions_and_the_constant_add_up_to_the_models_logit_difference(name: str) -> None:
    batch = prepared(tiny(name, 0, **UNCAPPED.get(name, {})))
    lens = logit_lens(batch)
    assert lens.contribution.sum() + lens.constant == pytest.approx(batch.full.logit_diff)
    assert lens.accumulated[-1] == pytest.approx(batch.full.logit_diff)
    assert lens.own_scale[-1] == pytest.approx(batch.full.logit_diff)
    assert np.allclose(np.diff(lens.accumulated), lens.contribution[1:])


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "llama", "attention only"])
def test_heads_and_the_output_bias_add_up_to_their_layers_attention(name: str) -> None:
    batch = prepared(tiny(name, 0))
    lens, heads = logit_lens(batch), head_attribution(batch)
    for layer in range(2):
        attention = lens.contribution[lens.components.index(f"L{layer} attn")]
        bias = batch.model.weights.blocks[layer].attention.out_bias
        if bias is None:
            assert heads.attribution[layer].sum() == pytest.approx(attention)
        else:
            assert heads.attribution[layer].sum() != pytest.approx(attention)


def test_transformer_lens_gives_the_same_from_folded_weights() -> None:
    """The second way: a bridge whose norms are folded, its own scale, decomposition and attribution."""
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    prompts = random_prompts(1)
    batch = prepared(tiny_gpt2(0), prompts)
    hf_model = tiny_hf("gpt2", 0)
    bridge = build_bridge_from_module(hf_model, "GPT2LMHeadModel", hf_config=hf_model.config, model_name="tiny")
    bridge.enable_compatibility_mode(fold_value_biases=False)
    contributions, accumulated, heads = [], [], []
    with torch.no_grad():
        for prompt in prompts:
            _, cache = bridge.run_with_cache(torch.tensor([prompt.clean_ids]))
            unembedding = bridge.W_U.T
            direction = unembedding[list(prompt.answer_ids)].mean(0) - unembedding[list(prompt.foil_ids)].mean(0)
            options = {"layer": -1, "pos_slice": -1, "apply_ln": True}
            contributions.append(cache.decompose_resid(**options)[:, 0] @ direction)
            accumulated.append(cache.accumulated_resid(incl_mid=True, **options)[:, 0] @ direction)
            heads.append(cache.stack_head_results(**options)[:, 0] @ direction)

    def mean(values: list[torch.Tensor]) -> np.ndarray:
        return torch.stack(values).mean(0).numpy()

    lens, ours = logit_lens(batch), head_attribution(batch).attribution
    embed, positions, *rest = mean(contributions)
    assert np.allclose([embed + positions, *rest], lens.contribution, atol=1e-4)
    assert np.allclose(mean(accumulated), lens.own_scale - lens.constant, atol=1e-4)  # theirs has no biases
    assert np.allclose(mean(heads).reshape(2, 4), ours, atol=1e-4)


def test_the_figures_name_every_component_and_frame_marked_heads() -> None:
    batch = prepared(tiny_gpt2(0))
    lens, heads = logit_lens(batch), head_attribution(batch)
    for figure in (draw_logit_lens(lens), draw_contributions(lens)):
        assert all(name in figure.to_svg() for name in lens.components)
    framed = draw_head_attribution(heads, [Sender.parse("a1.h3")])
    assert len(framed.main.patches) == len(draw_head_attribution(heads).main.patches) + 1


def test_the_strongest_head_has_the_largest_attribution_of_either_sign() -> None:
    heads = head_attribution(prepared(tiny_gpt2(0)))
    (first,) = heads.strongest(1)
    assert abs(heads.attribution[first.layer, first.head]) == np.abs(heads.attribution).max()
    assert heads.to_rows()[first.layer * 4 + first.head]["head"] == str(first)
