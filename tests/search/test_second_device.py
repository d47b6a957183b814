"""Every method on a device that is not the CPU: nothing is made in the wrong place, and nothing comes out otherwise."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from search.test_acdc import prepared
from second_device import DEVICE, elsewhere, second_device
from tiny import random_prompts, small, tiny

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.engine.knock_out import KnockOut
from acdc_custom.graph import Sender
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.model.model import Model
from acdc_custom.search.method import DecidingMethod, ToScore
from acdc_custom.search.passes import Passes
from acdc_custom.search.registry import deciding_methods, method_named

HEAD = (Sender.parse("a0.h0"),)
NAMES = ("gpt2", "gemma2")


def there(model: Model) -> Model:
    return dataclasses.replace(model, weights=elsewhere(model.weights))


def decided(model: Model, name: str, metric: Metric, ablation: Ablation) -> tuple[list[Any], list[float]]:
    """What a search decides, and its numbers: effects, the metric, the circuit's output, and that of a knock-out."""
    method = method_named(name)
    assert isinstance(method, DecidingMethod)
    batch = prepared(model, random_prompts(3, n=1), metric, ablation)
    found = Passes(method, batch, SearchSettings(method=name, threshold=0.05), WINDOW_BYTES, None)
    decisions = list(found.decisions())
    (caches, _), kept = batch[0], [decision.edge for decision in decisions if decision.kept]
    outputs = CircuitRunner(caches)(kept), KnockOut(caches, HEAD).without(HEAD)
    assert all(output.device == model.device for output in outputs)
    numbers = [number for output in outputs for number in output.flatten().tolist()]
    facts = [(decision.edge, decision.kept, decision.reason, decision.block) for decision in decisions]
    return facts, [*(decision.effect for decision in decisions), found.metric, *numbers]


def same(found: tuple[list[Any], list[float]], expected: tuple[list[Any], list[float]]) -> bool:
    """Up to rounding: the CPU has ways of its own to multiply."""
    return found[0] == expected[0] and found[1] == pytest.approx(expected[1], abs=1e-11)


@pytest.mark.parametrize("method", [method.name for method in deciding_methods()])
@pytest.mark.parametrize("name", NAMES)
def test_a_search_on_another_device_is_the_same_search(name: str, method: str) -> None:
    model = small(name, 5)
    expected = decided(model, method, Metric.KL, Ablation.CORRUPTED)
    with second_device():
        assert there(model).device == DEVICE
        assert same(decided(there(model), method, Metric.KL, Ablation.CORRUPTED), expected)


@pytest.mark.parametrize(
    ("metric", "ablation"),
    [*((metric, Ablation.CORRUPTED) for metric in Metric), *((Metric.KL, ablation) for ablation in list(Ablation)[1:])],
)
def test_so_it_is_for_every_metric_and_ablation(metric: Metric, ablation: Ablation) -> None:
    model = small("gpt2", 6, layers=1)
    expected = decided(model, "acdc", metric, ablation)
    with second_device():
        assert same(decided(there(model), "acdc", metric, ablation), expected)


def test_the_exact_effect_of_every_edge_is_the_same() -> None:
    model = small("gpt2", 7)

    def effects(model: Model) -> dict[Any, float]:
        chunks = [caches for caches, _ in prepared(model, random_prompts(3, n=1), Metric.KL)]
        return dict(method_named("edge-effects").score(ToScore(chunks)))  # type: ignore[union-attr]

    expected = effects(model)
    with second_device():
        assert effects(there(model)) == pytest.approx(expected, abs=1e-11)


def test_a_tensor_that_was_left_on_the_cpu_is_refused() -> None:
    model = tiny("gpt2", 8)
    with second_device(), pytest.raises(RuntimeError, match="same device"):
        there(model).weights.unembedding @ torch.ones(model.weights.unembedding.shape[1], dtype=torch.float64)
