"""The engine decides exactly what one forward pass per edge decides."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import oracle
import pytest
import torch
from tiny import (
    EVERY_NAME,
    MAX_POSITIONS,
    VOCAB,
    TinyPrompt,
    crossed,
    measured,
    random_prompts,
    small,
    tiny,
    tiny_gpt2,
    tiny_llama,
)

from acdc_custom.choices import Ablation, Metric, Order
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine import chunk
from acdc_custom.engine.ablation import AblatedActivations, prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import Objective, prepare
from acdc_custom.engine.propagate import propagate
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import SearchError
from acdc_custom.graph import Edge, Sender
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model
from acdc_custom.search.acdc import Search
from acdc_custom.search.order import VisitingOrder, visiting_order

MODELS: dict[str, Callable[[int], Model]] = {
    "gpt2, 2 layers": lambda seed: tiny_gpt2(seed, 2),
    "gpt2, 3 layers": lambda seed: tiny_gpt2(seed, 3),
    "llama, 2 layers, 2 groups": lambda seed: tiny_llama(seed, 2),
    "llama, 2 layers, 1 group": lambda seed: tiny_llama(seed, 2, kv_heads=1),
    "llama, 3 layers, 4 groups": lambda seed: tiny_llama(seed, 3, kv_heads=4),
    "llama, 3 layers, 2 heads": lambda seed: small("llama", seed, 3),
}
# Deep, with shared keys and values: the others differ in numbers that the architectures' own cases have.
DEEP = [pytest.param(name, marks=() if name == "llama, 3 layers, 2 heads" else pytest.mark.slow) for name in MODELS]


def search(
    model: Model,
    prompts: list[TinyPrompt],
    tau: float,
    metric: Metric = Metric.KL,
    window: int | None = None,
    ablation: Ablation = Ablation.CORRUPTED,
    order: VisitingOrder | None = None,
    chunk_size: int = 99,
    knocked_out: Sequence[str] = (),
) -> tuple[Search, list[Decision]]:
    found = Search(prepared(model, prompts, metric, ablation, chunk_size, knocked_out), tau, window, order)
    return found, list(found.decisions())


def prepared(
    model: Model,
    prompts: list[TinyPrompt],
    metric: Metric,
    ablation: Ablation = Ablation.CORRUPTED,
    chunk_size: int = 99,
    knocked_out: Sequence[str] = (),
) -> list[tuple[Caches, Objective]]:
    """The prompts, so many at a time."""
    chunks = tokens_of(model, prompts).chunks(chunk_size)
    carried = prepare_ablation(ablation, model.weights, chunks)
    batch = [build_caches(model, tokens, carried, [Sender.parse(name) for name in knocked_out]) for tokens in chunks]
    return [(caches, prepare(metric, model.weights, caches.tokens, caches.model_normed)) for caches in batch]


def tokens_of(model: Model, prompts: list[TinyPrompt]) -> TokenBatch:
    return token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)


def of_kept_edges(found: Search, decisions: list[Decision]) -> float:
    """The metric of the circuit that was found, from its definition."""
    (only,), kept = found.chunks, [d.edge for d in decisions if d.kept]
    normed = run_circuit(only.caches.model, only.caches.tokens, kept, only.caches.carried)
    return float(only.objective(normed[None]).mean())


def agrees(found: Search, decisions: list[Decision], expected: list[Any], final: float, tau: float) -> None:
    """The same edges in the same order with the same decisions and effects.

    A removal without any effect may fall on either side of tau = 0; what is decided after that may differ.
    """
    clear = next((i for i, e in enumerate(expected) if abs(e[3] - tau) < 1e-12), len(expected))
    assert [(str(d.edge.sender), str(d.edge.receiver)) for d in decisions] == [e[:2] for e in expected]
    assert [d.kept for d in decisions][:clear] == [e[2] for e in expected][:clear]
    assert max(abs(d.effect - e[3]) for d, e in zip(decisions[:clear], expected, strict=False)) < 1e-11
    if clear == len(expected):
        assert found.metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("name", DEEP)
def test_decisions_and_effects_are_those_of_the_oracle(name: str) -> None:
    model, deep = MODELS[name](0), "3 layers" in name
    prompts = random_prompts(0, n=1 if deep else 2)
    for metric, tau, windows in ((Metric.KL, 0.0005, (1, 3, None)), (Metric.LOGIT_DIFF, 0.02, (3,)))[
        : 1 if deep else 2
    ]:
        expected, final = oracle.acdc(model.weights, prompts, tau, metric)
        for window in windows:
            agrees(*search(model, prompts, tau, metric, window), expected, final, tau)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        *((name, Metric.KL) for name in EVERY_NAME),
        *((name, Metric.LOGIT_DIFF) for name in ("gpt2", "llama", "gemma2")),
    ],
)
def test_every_architecture_is_decided_as_the_oracle_decides(name: str, metric: Metric) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=1)
    tau = {Metric.KL: 0.001, Metric.LOGIT_DIFF: 0.01}[metric]
    expected, final = oracle.acdc(model.weights, prompts, tau, metric)
    assert 0 < sum(e[2] for e in expected) < model.graph.n_edges
    for window in (1, None):
        agrees(*search(model, prompts, tau, metric, window), expected, final, tau)


@pytest.mark.parametrize("name", crossed())
def test_zero_ablation_of_every_architecture_is_decided_as_the_oracle_decides(name: str) -> None:
    model, prompts = tiny(name, 8), random_prompts(8, n=1)
    expected, final = oracle.acdc(model.weights, prompts, 0.02, ablation="zero")
    agrees(*search(model, prompts, 0.02, ablation=Ablation.ZERO), expected, final, 0.02)


@pytest.mark.parametrize(("metric", "ablation"), measured())
def test_every_metric_under_every_ablation_is_the_oracles(metric: Metric, ablation: Ablation) -> None:
    model, prompts = small("gemma2", 9), random_prompts(9, n=2)
    tau = 0.3 if metric is Metric.ANSWER_RANK else 0.01
    expected, final = oracle.acdc(model.weights, prompts, tau, metric, ablation)
    agrees(*search(model, prompts, tau, metric, ablation=ablation), expected, final, tau)
    assert any(e[2] for e in expected)


@pytest.mark.parametrize("name", crossed())
def test_a_search_without_some_heads_is_the_oracles_with_their_edges_removed_beforehand(name: str) -> None:
    model, prompts, tau, without = small(name, 4), random_prompts(4, n=1), 0.003, ("a0.h1", "a1.h0")
    expected, final = oracle.acdc(model.weights, prompts, tau, knocked_out=without)
    whole, _ = oracle.acdc(model.weights, prompts, tau)
    assert [e[2] for e in expected] != [e[2] for e in whole]
    for window in (1, None):
        found, decisions = search(model, prompts, tau, window=window, knocked_out=without)
        agrees(found, decisions, expected, final, tau)
        assert found.metric == pytest.approx(of_kept_edges(found, decisions), abs=1e-11)
        knocked = [d for d in decisions if str(d.edge.sender) in without]
        assert knocked and not any(d.kept or d.reason is Reason.EVALUATED for d in knocked)
    assert found.metric_before > 0


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("name", [pytest.param("gpt2", marks=pytest.mark.slow), "gemma2"])
def test_heads_are_knocked_out_under_every_ablation(name: str, ablation: Ablation) -> None:
    model, prompts, tau, without = small(name, 6), random_prompts(6, n=2), 0.01, ("a0.h0", "a1.h1")
    expected, final = oracle.acdc(model.weights, prompts, tau, ablation=ablation, knocked_out=without)
    for chunk_size in (99, 1):
        found = search(model, prompts, tau, ablation=ablation, chunk_size=chunk_size, knocked_out=without)
        agrees(*found, expected, final, tau)


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("name", [pytest.param("gpt2", marks=pytest.mark.slow), "gemma2"])
def test_prompts_taken_a_few_at_a_time_are_decided_as_the_oracle_decides(name: str, ablation: Ablation) -> None:
    model, prompts = small(name, 14), random_prompts(14, n=3)
    expected, final = oracle.acdc(model.weights, prompts, 0.01, ablation=ablation)
    agrees(*search(model, prompts, 0.01, ablation=ablation, chunk_size=2), expected, final, 0.01)  # two, and one


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_every_order_is_the_oracles_in_that_order(name: str, order: Order) -> None:
    model, prompts = small(name, 10), random_prompts(10, n=1)
    visit = visiting_order(model.graph, order, seed=3)
    named = [(str(r), [str(s) for s in visit.senders_to(model.graph, r)]) for r in visit.receivers]
    expected, final = oracle.acdc(model.weights, prompts, 0.01, order=named)
    agrees(*search(model, prompts, 0.01, order=visit), expected, final, 0.01)


@pytest.mark.parametrize("ablation", Ablation)
def test_the_metric_under_an_ablation_is_that_of_the_kept_edges(ablation: Ablation) -> None:
    model, prompts = tiny_gpt2(11), random_prompts(11, n=4)
    found, decisions = search(model, prompts, 0.01, ablation=ablation)
    assert found.metric == pytest.approx(of_kept_edges(found, decisions), abs=1e-12)


@cache
def uninterrupted() -> list[Decision]:
    return search(small("gpt2", 12, dtype=torch.float32), random_prompts(12), 0.005)[1]


@pytest.mark.parametrize("cut", [0, 1, 15, 30, 45, 46])
def test_a_search_that_takes_over_decisions_ends_as_if_never_interrupted(cut: int) -> None:
    whole = uninterrupted()
    resumed = Search(prepared(small("gpt2", 12, dtype=torch.float32), random_prompts(12), Metric.KL), 0.005)
    taken = resumed.replay(whole[:cut])
    assert taken <= cut
    assert whole[:taken] + list(resumed.decisions()) == whole  # to the last bit


def test_decisions_of_another_search_are_not_taken_over() -> None:
    batch = prepared(tiny_gpt2(12), random_prompts(12), Metric.KL)
    other = search(tiny_llama(12), random_prompts(12), 0.01)[1]
    with pytest.raises(SearchError, match="are not those that this search decides there"):
        Search(batch, 0.01).replay(other)


def test_a_journal_that_keeps_an_edge_into_a_dead_receiver_is_not_taken_over() -> None:
    whole = search(tiny_gpt2(12), random_prompts(12), 0.05)[1]
    at = next(i for i, d in enumerate(whole) if d.reason is Reason.DEAD)
    whole[at] = dataclasses.replace(whole[at], kept=True, effect=1.0, reason=Reason.EVALUATED)
    with pytest.raises(SearchError, match=r"reasons at .* are not those of this search"):
        Search(prepared(tiny_gpt2(12), random_prompts(12), Metric.KL), 0.05).replay(whole)


@pytest.mark.parametrize("name", [*DEEP, *crossed()])
def test_the_metric_is_that_of_the_kept_edges(name: str) -> None:
    model, prompts = MODELS.get(name, partial(tiny, name))(3), random_prompts(3)
    found, decisions = search(model, prompts, 0.01)
    assert found.metric == pytest.approx(of_kept_edges(found, decisions), abs=1e-12)


@pytest.mark.parametrize("name", [*DEEP, *crossed()])
def test_the_full_circuit_is_the_clean_run_and_the_empty_one_the_corrupted_run(name: str) -> None:
    model, prompts = MODELS.get(name, partial(tiny, name))(4), random_prompts(4)
    tokens, carried = tokens_of(model, prompts), AblatedActivations(Ablation.CORRUPTED, None)
    for ids, kept in ((tokens.clean, list(model.graph.edges())), (tokens.corrupted, list[Edge]())):
        normed = run_circuit(model, tokens, kept, carried)
        plain = model.weights.final_norm(run(model.weights, ids).residuals[-1])[tokens.is_answer]
        assert torch.allclose(normed, plain, rtol=0, atol=1e-12)
        logits = model.weights.logits(normed)
        whole = model.bridge(ids)[torch.arange(len(prompts)), tokens.answer_positions[:, 0]]
        assert torch.allclose(logits, whole, atol=1e-4)  # its norms are float32


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
    together = Search(prepared(model, prompts, Metric.LOGIT_DIFF), 1e9).metric_before
    alone = [Search(prepared(model, [prompt], Metric.LOGIT_DIFF), 1e9).metric_before for prompt in prompts]
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
    with pytest.raises(SearchError, match="metric is nan before any edge is removed"):
        search(dataclasses.replace(model, weights=broken), random_prompts(8), 0.01)


class Breaking:
    """An objective that is no number for some candidates, counted over the whole search."""

    def __init__(self, objective: Objective, breaks: Callable[[int], bool], value: float) -> None:
        self.objective, self.breaks, self.value = objective, breaks, value
        self.seen = -1  # the first value is that of the whole model

    def __call__(self, normed: torch.Tensor) -> torch.Tensor:
        values = self.objective(normed)
        for row in values:
            if self.seen >= 0 and self.breaks(self.seen):
                row.fill_(self.value)
            self.seen += 1
        return values


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("window", [1, 4, None])
def test_a_metric_that_breaks_in_the_search_names_the_edge(window: int | None, value: float) -> None:
    model, prompts = tiny_gpt2(8), random_prompts(8)
    [(caches, objective)] = prepared(model, prompts, Metric.KL)
    whole = list(Search([(caches, objective)], 1e9, window).decisions())
    tested = [d.edge for d in whole if d.reason is Reason.EVALUATED]
    broken = Search([(caches, Breaking(objective, lambda seen: seen == 5, value))], 1e9, window)
    with pytest.raises(SearchError, match=f"became {value} when the edge {tested[5]} was removed"):
        list(broken.decisions())


def test_a_metric_that_breaks_behind_an_edge_that_is_kept_does_not_stop_the_search() -> None:
    """In a window, what follows a kept edge was evaluated without it, which no search of window 1 does."""
    model, prompts = tiny_gpt2(8), random_prompts(8)
    expected = search(model, prompts, 0.01, window=1)[1]
    tested = [d.kept for d in expected if d.reason is Reason.EVALUATED]
    first_kept = tested.index(True)
    [(caches, objective)] = prepared(model, prompts, Metric.KL)
    behind = Breaking(objective, lambda seen: first_kept < seen < 8, math.nan)
    decisions = list(Search([(caches, behind)], 0.01, 8).decisions())
    assert first_kept < 7
    assert [d.kept for d in decisions] == [d.kept for d in expected]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), "of the allocator"])
def test_a_window_that_does_not_fit_in_memory_is_halved(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for three candidates at a time, and no more."""
    whole, sizes = search(tiny_gpt2(13), random_prompts(13), 0.01)[1], []

    def propagate_if_it_fits(caches: Any, state: Any, route: Any, given: torch.Tensor, watch: Any) -> Any:
        if len(given) > 3:
            if isinstance(error, str):
                torch.empty(2**60, dtype=torch.uint8)
            raise error
        sizes.append(len(given))
        return propagate(caches, state, route, given, watch)

    monkeypatch.setattr(chunk, "propagate", propagate_if_it_fits)
    _, decisions = search(tiny_gpt2(13), random_prompts(13), 0.01, window=16)
    assert [d.kept for d in decisions] == [d.kept for d in whole]
    assert max(sizes) == 2


def test_memory_that_cannot_be_made_room_in_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def never_fits(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(chunk, "propagate", never_fits)
    with pytest.raises(SearchError, match="out of memory, even with one candidate"):
        search(tiny_gpt2(13), random_prompts(13), 0.01)


def test_every_stage_of_a_search_is_timed() -> None:
    started = time.perf_counter()
    found, _ = search(tiny_gpt2(13), random_prompts(13), 0.0001)
    assert all(seconds > 0 for seconds in found.watch.seconds.values())
    assert sum(found.watch.seconds.values()) <= time.perf_counter() - started
