"""The engine decides exactly what one forward pass per edge decides."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import oracle
import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, TinyPrompt, random_prompts, tiny_gpt2, tiny_llama

from acdc_custom.choices import Metric
from acdc_custom.engine.caches import Caches, Extent, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.search import Decision, Reason, Search
from acdc_custom.engine.tokens import token_batch
from acdc_custom.errors import SearchError
from acdc_custom.graph import LOGITS, Edge
from acdc_custom.model.model import Model

MODELS: dict[str, Callable[[int], Model]] = {
    "gpt2, 2 layers": lambda seed: tiny_gpt2(seed, 2),
    "gpt2, 3 layers": lambda seed: tiny_gpt2(seed, 3),
    "llama, 2 layers, 2 groups": lambda seed: tiny_llama(seed, 2),
    "llama, 2 layers, 1 group": lambda seed: tiny_llama(seed, 2, kv_heads=1),
    "llama, 3 layers, 4 groups": lambda seed: tiny_llama(seed, 3, kv_heads=4),
}


def search(
    model: Model, prompts: list[TinyPrompt], tau: float, metric: Metric = Metric.KL, window: int | None = None
) -> tuple[Search, list[Decision]]:
    caches, objective = prepared(model, prompts, metric)
    found = Search(caches, objective, tau, window)
    return found, list(found.decisions())


def prepared(model: Model, prompts: list[TinyPrompt], metric: Metric) -> tuple[Caches, object]:
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    caches = build_caches(model, tokens)
    normed = model.weights.final_norm(caches.residual(LOGITS, Extent.ANSWER))
    return caches, prepare(metric, model.weights, tokens, normed)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", MODELS)
def test_decisions_and_effects_are_those_of_the_oracle(name: str, seed: int) -> None:
    model, prompts = MODELS[name](seed), random_prompts(seed)
    for metric, tau in ((Metric.KL, 0.0), (Metric.KL, 0.003), (Metric.KL, 0.05), (Metric.LOGIT_DIFF, 0.02)):
        expected, final = oracle.acdc(model.weights, prompts, tau, metric)
        for window in (1, 3, None):
            found, decisions = search(model, prompts, tau, metric, window)
            assert [(str(d.edge.sender), str(d.edge.receiver)) for d in decisions] == [e[:2] for e in expected]
            clear = [abs(e[3] - tau) > 1e-12 for e in expected]  # at tau 0, a removal without effect is a toss-up
            assert [d.kept for d, c in zip(decisions, clear, strict=True) if c] == [
                e[2] for e, c in zip(expected, clear, strict=True) if c
            ], (metric, tau, window)
            if all(clear):
                worst = max(abs(d.effect - e[3]) for d, e in zip(decisions, expected, strict=True))
                assert worst < 1e-11
                assert found.metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("name", MODELS)
def test_the_metric_is_that_of_the_kept_edges(name: str) -> None:
    model, prompts = MODELS[name](3), random_prompts(3)
    found, decisions = search(model, prompts, 0.01)
    normed = run_circuit(model, found.caches.tokens, [d.edge for d in decisions if d.kept])
    assert found.metric == pytest.approx(float(found.objective(normed[None]).mean()), abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_full_circuit_is_the_clean_run_and_the_empty_one_the_corrupted_run(name: str) -> None:
    model, prompts = MODELS[name](4), random_prompts(4)
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    for ids, kept in ((tokens.clean, list(model.graph.edges())), (tokens.corrupted, list[Edge]())):
        logits = model.weights.logits(run_circuit(model, tokens, kept))
        whole = model.bridge(ids)[torch.arange(len(prompts)), tokens.answer_positions[:, 0]]
        assert torch.allclose(logits, whole, atol=1e-5)


def test_every_edge_is_decided_once_and_in_order() -> None:
    model = tiny_llama(0, 3)
    _, decisions = search(model, random_prompts(0), 0.01)
    assert [d.edge for d in decisions] == list(model.graph.edges())


def test_a_huge_threshold_keeps_nothing_and_a_negative_infinite_one_everything_that_moves() -> None:
    model, prompts = tiny_gpt2(1), random_prompts(1)
    assert not any(d.kept for d in search(model, prompts, 1e9)[1])
    _, everything = search(model, prompts, -1e9)
    assert all(d.kept for d in everything if d.reason is Reason.EVALUATED)
    assert {d.reason for d in everything} == {Reason.EVALUATED, Reason.SAME}


def test_edges_whose_sender_does_not_differ_are_removed_without_an_evaluation() -> None:
    prompt = TinyPrompt((5, 6, 7, 8, 9), (5, 6, 3, 8, 9))
    found, decisions = search(tiny_gpt2(2), [prompt], 0.001)
    same = [d for d in decisions if d.reason is Reason.SAME]
    assert [str(d.edge) for d in same][:1] == ["embed -> logits"]
    assert not any(d.kept or d.effect for d in same)
    assert found.evaluations >= sum(d.reason is Reason.EVALUATED for d in decisions)


def test_prompts_of_other_lengths_do_not_change_a_prompts_share() -> None:
    """Padding is never read: the metric of a batch is the mean over its prompts, searched to the same set."""
    model, prompts = tiny_llama(5), random_prompts(5, n=4)
    caches, objective = prepared(model, prompts, Metric.LOGIT_DIFF)
    together = Search(caches, objective, 1e9).metric_before
    alone = [
        Search(*prepared(model, [prompt], Metric.LOGIT_DIFF), 1e9).metric_before  # type: ignore[arg-type]
        for prompt in prompts
    ]
    assert together == pytest.approx(math.fsum(alone) / len(alone), abs=1e-12)


def test_the_batch_order_does_not_matter() -> None:
    model, prompts = tiny_gpt2(6), random_prompts(6, n=4)
    one, other = search(model, prompts, 0.01)[1], search(model, prompts[::-1], 0.01)[1]
    assert [d.kept for d in one] == [d.kept for d in other]


def test_float32_finds_the_circuit_of_float64() -> None:
    prompts = random_prompts(7)
    kept = [
        [d.edge for d in search(tiny_gpt2(7, dtype=dtype), prompts, 0.01)[1] if d.kept]
        for dtype in (torch.float32, torch.float64)
    ]
    assert kept[0] == kept[1]


def test_a_metric_that_is_not_a_number_stops_the_search() -> None:
    model = tiny_gpt2(8)
    broken = dataclasses.replace(model.weights, unembedding=model.weights.unembedding * torch.nan)
    with pytest.raises(SearchError, match="metric became nan"):
        search(dataclasses.replace(model, weights=broken), random_prompts(8), 0.01)
