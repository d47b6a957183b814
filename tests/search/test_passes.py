"""Searches that start from a circuit, and those that are refined: what plain forward passes decide."""

from __future__ import annotations

import random
from collections.abc import Mapping

import oracle
import pytest
from search.test_acdc import prepared
from search.test_grouped import blocks_of
from tiny import TinyPrompt, crossed, random_prompts, small, tiny, tiny_gpt2

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.graph import Edge
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.model.model import Model
from acdc_custom.search.method import DecidingMethod
from acdc_custom.search.order import visiting_order
from acdc_custom.search.passes import Passes, whole_receivers
from acdc_custom.search.registry import deciding_methods, method_named


def some_edges(model: Model, seed: int, share: float = 0.6) -> dict[Edge, float]:
    """Edges at random, each with a number for a hint."""
    generator = random.Random(seed)
    return {edge: generator.uniform(-1, 1) for edge in model.graph.edges() if generator.random() < share}


def passes(
    model: Model,
    prompts: list[TinyPrompt],
    start: Mapping[Edge, float] | None,
    metric: Metric = Metric.KL,
    ablation: Ablation = Ablation.CORRUPTED,
    chunk_size: int = 99,
    **settings: object,
) -> Passes:
    chosen = SearchSettings.of(**settings)
    method = method_named(chosen.method)
    assert isinstance(method, DecidingMethod)
    return Passes(method, prepared(model, prompts, metric, ablation, chunk_size), chosen, WINDOW_BYTES, start)


def names(edges: object) -> set[tuple[str, str]]:
    return {(str(edge.sender), str(edge.receiver)) for edge in edges}  # type: ignore[attr-defined]


def outside(model: Model, start: Mapping[Edge, float]) -> set[tuple[str, str]]:
    return names(edge for edge in model.graph.edges() if edge not in start)


def agrees(
    decisions: list[Decision],
    metric: float,
    model: Model,
    prompts: list[TinyPrompt],
    tau: float,
    start: Mapping[Edge, float],
    of: Metric = Metric.KL,
    ablation: Ablation = Ablation.CORRUPTED,
) -> None:
    """The decisions of ACDC, and the metric at the end, as one forward pass per edge gives them."""
    expected, final = oracle.acdc(model.weights, prompts, tau, of, ablation, outside=outside(model, start))
    assert [(str(d.edge.sender), str(d.edge.receiver), d.kept) for d in decisions] == [e[:3] for e in expected]
    assert [d.effect for d in decisions] == pytest.approx([e[3] for e in expected], abs=1e-11)
    assert metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("name", crossed())
def test_a_search_that_starts_from_a_circuit_decides_as_the_oracle_does(name: str) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=1)
    start = some_edges(model, 3)
    search = passes(model, prompts, start, threshold=0.002)
    decisions = list(search.decisions())
    agrees(decisions, search.metric, model, prompts, 0.002, start)
    one_by_one = list(passes(model, prompts, start, threshold=0.002, window=1).decisions())
    assert [(d.edge, d.kept) for d in one_by_one] == [(d.edge, d.kept) for d in decisions]


@pytest.mark.parametrize("ablation", Ablation)
def test_every_ablation_is_the_oracles_inside_a_circuit(ablation: Ablation) -> None:
    model, prompts = small("llama", 9), random_prompts(9, n=4)
    start = some_edges(model, 1)
    search = passes(model, prompts, start, Metric.LOGIT_DIFF, ablation, chunk_size=3, threshold=0.01)
    agrees(list(search.decisions()), search.metric, model, prompts, 0.01, start, Metric.LOGIT_DIFF, ablation)


@pytest.mark.parametrize("name", crossed())
def test_grouped_search_that_starts_from_a_circuit_tests_the_oracles_blocks(name: str) -> None:
    model, prompts = tiny(name, 4), random_prompts(4, n=1)
    start = some_edges(model, 5)
    search = passes(model, prompts, start, method="grouped", threshold=0.002)
    decisions = list(search.decisions())
    free = names(d.edge for d in decisions if d.reason is not Reason.EVALUATED)
    order = visiting_order(model.graph)
    receivers = []
    for receiver in order.receivers:
        own = order.senders_to(model.graph, receiver, start)
        senders = sorted(own, key=lambda s, r=receiver: abs(start[Edge(s, r)]))
        receivers.append((str(receiver), [str(sender) for sender in senders]))
    expected, final = oracle.grouped(model.weights, prompts, 0.002, receivers, free, outside=outside(model, start))
    blocks = blocks_of(decisions)
    assert [block[:3] for block in blocks] == [tuple(block[:3]) for block in expected]
    assert [block[3] for block in blocks] == pytest.approx([block[3] for block in expected], abs=1e-11)
    assert search.metric == pytest.approx(final, abs=1e-11)


def test_a_search_that_starts_from_all_edges_is_the_search_without_a_start() -> None:
    model, prompts = tiny_gpt2(4, 2), random_prompts(4)
    every = dict.fromkeys(model.graph.edges(), 0.0)
    plain = list(passes(model, prompts, None, threshold=0.01).decisions())
    inside = list(passes(model, prompts, every, threshold=0.01).decisions())
    assert [(d.edge, d.kept) for d in inside] == [(d.edge, d.kept) for d in plain]
    assert [d.effect for d in inside] == pytest.approx([d.effect for d in plain], abs=1e-11)


@pytest.mark.parametrize("method", [method.name for method in deciding_methods()])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_no_edge_of_a_refined_circuit_can_go_for_less_than_the_threshold(name: str, method: str) -> None:
    """By brute force: each edge in turn is taken out of the circuit."""
    model, prompts, tau = small(name, 6), random_prompts(6, n=3), 0.01
    search = passes(model, prompts, None, method=method, threshold=tau, refine=True)
    last = {decision.edge: decision.kept for decision in search.decisions()}
    circuit = [edge for edge, kept in last.items() if kept]
    ((caches, objective),) = prepared(model, prompts, Metric.KL)
    runner = CircuitRunner(caches)

    def value(edges: list[Edge]) -> float:
        return float(objective(runner(edges)[None]).mean())

    whole = value(circuit)
    assert circuit and search.metric == pytest.approx(whole, abs=1e-11)
    assert min(value([e for e in circuit if e != edge]) - whole for edge in circuit) >= tau


def test_refining_goes_on_until_a_pass_removes_nothing() -> None:
    model, prompts = tiny_gpt2(1, 3), random_prompts(1)
    search = passes(model, prompts, None, threshold=0.004, refine=True)
    decisions = list(search.decisions())
    n_edges, lengths = model.graph.n_edges, []
    while decisions:
        of_pass, decisions = decisions[:n_edges], decisions[n_edges:]
        lengths.append(len(of_pass))
        n_edges = sum(decision.kept for decision in of_pass)
    assert len(lengths) >= 3, "the case was chosen for it"
    assert lengths == sorted(lengths, reverse=True)
    assert n_edges == lengths[-1], "the last pass removed nothing"


@pytest.mark.parametrize("method", [method.name for method in deciding_methods()])
def test_an_interrupted_refined_search_goes_on_to_the_same_end_from_anywhere(method: str) -> None:
    model, prompts = small("gpt2", 2, 3), random_prompts(2)
    start = some_edges(model, 7, share=0.9)
    settings = SearchSettings.of(method=method, threshold=0.004, refine=True)
    options = {"method": method, "threshold": 0.004, "refine": True}
    whole = passes(model, prompts, start, **options)
    decisions = list(whole.decisions())
    assert len(decisions) > len(start), "more than one pass"
    for cut in (*range(0, len(start), 23), *range(len(start), len(decisions) + 1, 3)):
        resumed = passes(model, prompts, start, **options)
        taken = resumed.replay(decisions[:cut])
        assert taken == whole_receivers(decisions[:cut], model.graph, settings, start)
        rest = list(resumed.decisions())
        assert decisions[:taken] + rest == decisions, "to the last bit"
        assert (resumed.evaluations, resumed.metric) == (whole.evaluations, whole.metric)
