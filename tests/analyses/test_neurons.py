"""Patching every neuron at once and one by one, against TransformerBridge's hooks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hooked import hooked_logit_diff
from tiny import tiny, tiny_gpt2
from tiny_task import prepared

from acdc_custom.analyses.activation_patching import patch_mlp
from acdc_custom.analyses.neurons import draw_neuron_patching, patch_neurons
from acdc_custom.choices import Direction
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError


def by_hooks(batch: PreparedBatch, layer: int, n_neurons: int) -> list[float]:
    """One hooked run per neuron, denoising."""
    clean, corrupted = batch.tokens.clean, batch.tokens.corrupted
    name = f"blocks.{layer}.mlp.hook_post"
    _, cache = batch.model.bridge.run_with_cache(clean)
    values = []
    for neuron in range(n_neurons):

        def put(x: Any, hook: Any, neuron: int = neuron) -> Any:
            x = x.clone()
            x[..., neuron] = cache[name][..., neuron]
            return x

        values.append(hooked_logit_diff(batch, corrupted, [(name, put)]))
    return values


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "llama", "gemma2"])
def test_single_neurons_agree_with_hooks(name: str) -> None:
    batch = prepared(tiny(name, 0))
    result = patch_neurons(batch, [0, 1])
    n_neurons = result.logit_diff.shape[1]
    expected = [by_hooks(batch, layer, n_neurons) for layer in (0, 1)]
    assert np.allclose(result.logit_diff, expected, atol=2e-5) and np.ptp(expected) > 0.01


@pytest.mark.parametrize("direction", Direction)
def test_all_neurons_of_the_last_layer_together_are_its_mlp_at_end(direction: Direction) -> None:
    batch = prepared(tiny_gpt2(0))
    whole, mlp = patch_neurons(batch, [1], direction), patch_mlp(batch, direction)
    assert mlp.labels[0] == "END"
    assert whole.whole_effect[0] == pytest.approx(mlp.effect[1, 0])


def test_without_layers_it_is_the_one_whose_mlp_does_most() -> None:
    batch = prepared(tiny_gpt2(0, layers=3))
    every = patch_neurons(batch, [0, 1, 2])
    assert patch_neurons(batch).layers == (int(np.abs(every.whole_effect).argmax()),)


def test_the_strongest_neuron_has_the_largest_effect_and_is_in_the_figure() -> None:
    result = patch_neurons(prepared(tiny_gpt2(0)), [1])
    ((layer, neuron),) = result.strongest(1)
    assert layer == 1 and abs(result.effect[0, neuron]) == np.abs(result.effect).max()
    assert f"L1 N{neuron}" in draw_neuron_patching(result).to_svg()
    assert result.to_rows()[neuron]["effect"] == result.effect[0, neuron]


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="layer 2: tiny-gpt2 has layers 0 to 1"):
        patch_neurons(prepared(tiny_gpt2(0)), [2])
    with pytest.raises(UsageError, match="attention only: there are no neurons"):
        patch_neurons(prepared(tiny("attention only", 0)))
