"""Searches in positions: what plain forward passes decide that lack one edge at one span at a time."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import oracle
import pytest
from search.test_acdc import of_kept_edges, prepared
from tiny import TinyPrompt, crossed, measured, random_prompts, small, tiny

from acdc_custom.choices import Ablation, Metric, Order
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.graph import LOGITS, Edge, Graph
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.model.model import Model
from acdc_custom.search.acdc import Search
from acdc_custom.search.grouped import GroupedSearch
from acdc_custom.search.method import DecidingMethod
from acdc_custom.search.order import visited_spans, visiting_order
from acdc_custom.search.passes import Passes, whole_receivers
from acdc_custom.search.receivers import ReceiverSearch
from acdc_custom.search.registry import method_named
from acdc_custom.task import spans

SOME = ("gpt2", "llama", "gemma2", "attention only, rotary")
TAU = 0.005


def positioned(seed: int, n: int = 2) -> list[TinyPrompt]:
    """Prompts of two templates, in which other names stand, and the same in another order."""
    names = ({"A": 2, "B": 3}, {"B": 2, "C": 4})
    prompts = random_prompts(seed, n)
    return [dataclasses.replace(p, positions=names[i % 2], template=i % 2) for i, p in enumerate(prompts)]


def search(
    model: Model,
    prompts: list[TinyPrompt],
    tau: float = TAU,
    metric: Metric = Metric.KL,
    ablation: Ablation = Ablation.CORRUPTED,
    window: int | None = None,
    order: Order = Order.ORIGINAL,
    chunk_size: int = 99,
) -> tuple[Search, list[Decision]]:
    batch = prepared(model, prompts, metric, ablation, chunk_size)
    spans = visited_spans(batch[0][0].spans.names, True)
    found = Search(batch, tau, window, visiting_order(model.graph, order, 3), spans=spans)
    return found, list(found.decisions())


def names(edge: Edge) -> tuple[str, str, str]:
    return str(edge.sender), str(edge.receiver), edge.span


def everything(found: ReceiverSearch) -> list[Edge]:
    """Every edge at every span, in visiting order; those to the logits at END."""
    graph = found.graph
    return [
        Edge(sender, receiver, span)
        for receiver in found.order.receivers
        for span in (found.visited_spans if receiver != LOGITS else ("END",))
        for sender in found.order.senders_to(graph, receiver)
    ]


def agrees(found: Search, decisions: list[Decision], model: Model, prompts: list[TinyPrompt], **how: Any) -> None:
    """The same edges at the same spans, in the same order, with the same decisions and effects; all others are free."""
    evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
    tested = {d.edge for d in evaluated}
    free = {names(edge) for edge in everything(found) if edge not in tested}
    order = [
        (str(r), [(str(e.sender), e.span) for e in everything(found) if e.receiver == r]) for r in found.order.receivers
    ]
    expected, final = oracle.acdc(model.weights, prompts, found.tau, order=order, free=free, **how)
    assert [names(d.edge) for d in evaluated] == [(sender, receiver, span) for (sender, span), receiver, *_ in expected]
    assert [d.kept for d in evaluated] == [e[2] for e in expected]
    assert [d.effect for d in evaluated] == pytest.approx([e[3] for e in expected], abs=1e-9)
    assert found.metric == pytest.approx(final, abs=1e-9)


@pytest.mark.parametrize("name", crossed())
def test_on_every_architecture_each_edge_is_decided_at_each_span_as_the_oracle_decides(name: str) -> None:
    """On the first of some cases in which edges are kept at more spans than one: the cheapest come first."""
    model = small(name)
    for tau, seed in ((0.02, 1), (0.02, 2), (0.002, 1), (0.002, 2)):
        prompts = positioned(seed, n=1)
        found, decisions = search(model, prompts, tau)
        kept = [d.edge for d in decisions if d.kept]
        if len({edge.span for edge in kept}) > 1:
            break
    else:
        raise AssertionError("no edge acts before END")
    agrees(found, decisions, model, prompts)
    assert found.metric == pytest.approx(of_kept_edges(found, decisions), abs=1e-11)


@dataclasses.dataclass(frozen=True)
class EachToken(TinyPrompt):
    """Prompts whose task cuts them at every token."""

    @property
    def spans(self) -> tuple[str, ...]:
        n = len(self.clean_ids)
        return spans.cut(self.clean_ids, self.corrupted_ids, {}, {f"t{at}": range(at, at + 1) for at in range(n)})


def test_where_every_token_is_a_span_each_edge_is_decided_at_each_token_as_the_oracle_decides() -> None:
    model, prompts = small("gpt2", layers=1), [EachToken(**vars(prompt)) for prompt in random_prompts(2, n=1)]
    found, decisions = search(model, prompts, tau=1e-4)
    assert len({d.edge.span for d in decisions if d.kept}) > 1
    agrees(found, decisions, model, prompts)


@pytest.mark.parametrize(("metric", "ablation"), measured())
@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
def test_every_metric_under_every_ablation_is_the_oracles(name: str, metric: Metric, ablation: Ablation) -> None:
    model, prompts = small(name, 3, layers=1), positioned(4)
    tau = 0.3 if metric is Metric.ANSWER_RANK else 0.1
    found, decisions = search(model, prompts, tau, metric, ablation, chunk_size=1)
    agrees(found, decisions, model, prompts, metric=metric, ablation=ablation)


@pytest.mark.parametrize("order", [Order.REVERSED, Order.RANDOM])
def test_every_order_is_the_oracles(order: Order) -> None:
    model, prompts = small("llama", 2), positioned(2)
    agrees(*search(model, prompts, order=order, window=3), model, prompts)


def test_windows_and_chunks_change_no_decision() -> None:
    model, prompts = small("gpt2", 5), positioned(5, n=3)
    how = ((None, 99), (1, 1), (5, 2))
    (_, whole), *others = (search(model, prompts, 0.05, window=window, chunk_size=size) for window, size in how)
    assert any(d.kept for d in whole)
    for _, decisions in others:
        assert [(d.edge, d.kept) for d in decisions] == [(d.edge, d.kept) for d in whole]


def grouped(model: Model, prompts: list[TinyPrompt], tau: float, **how: Any) -> tuple[GroupedSearch, list[Decision]]:
    batch = prepared(model, prompts, how.get("metric", Metric.KL), how.get("ablation", Ablation.CORRUPTED), 1)
    spans, draw = visited_spans(batch[0][0].spans.names, True), random.Random(2)
    hint = {Edge(e.sender, e.receiver, span): draw.uniform(-1, 1) for e in model.graph.edges() for span in spans}
    found = GroupedSearch(batch, tau, hint, spans=spans)
    return found, list(found.decisions())


def agrees_in_blocks(
    found: GroupedSearch, decisions: list[Decision], model: Model, prompts: list[TinyPrompt], **how: Any
) -> None:
    """The same blocks, decisions and effects as plain forward passes give."""
    evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
    tested = {d.edge for d in evaluated}
    free = {names(edge) for edge in everything(found) if edge not in tested}
    receivers = []
    for receiver in found.order.receivers:
        edges = sorted((e for e in tested if e.receiver == receiver), key=lambda edge: abs(found._hint[edge]))
        receivers.append((str(receiver), [(str(edge.sender), edge.span) for edge in edges]))
    expected, final = oracle.grouped(model.weights, prompts, found.tau, receivers, free, **how)
    blocks = []
    while evaluated:
        block, evaluated = evaluated[: evaluated[0].block], evaluated[evaluated[0].block :]
        senders = [(str(d.edge.sender), d.edge.span) for d in block]
        blocks.append((senders, str(block[0].edge.receiver), block[0].kept, block[0].effect))
    assert [block[:3] for block in blocks] == [block[:3] for block in expected]
    assert [block[3] for block in blocks] == pytest.approx([block[3] for block in expected], abs=1e-11)
    assert found.metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("name", SOME)
def test_grouped_search_tests_the_oracles_blocks_over_all_spans(name: str) -> None:
    model, prompts = small(name), positioned(1)
    agrees_in_blocks(*grouped(model, prompts, TAU), model, prompts)


@pytest.mark.parametrize("ablation", Ablation)
def test_grouped_search_under_every_ablation_is_the_oracles(ablation: Ablation) -> None:
    model, prompts = small("gpt2", 3), positioned(4)
    how: dict[str, Any] = {"metric": Metric.LOGIT_DIFF, "ablation": ablation}
    agrees_in_blocks(*grouped(model, prompts, 0.08, **how), model, prompts, **how)


def test_every_edge_is_decided_at_every_span_where_its_receiver_is_read_and_dead_once_for_the_others() -> None:
    model, prompts = small("llama"), positioned(1)
    _, decisions = search(model, prompts)
    assert len({d.edge for d in decisions}) == len(decisions)
    assert {d.edge.merged for d in decisions} == set(model.graph.edges())
    assert all((d.reason is Reason.DEAD) == (not d.edge.span) for d in decisions)
    at = {d.edge.span for d in decisions if d.edge.receiver == LOGITS}
    assert at == {"END"}
    assert Graph.n_edges_in(model.graph, 3) == 3 * model.graph.n_edges - 2 * model.graph.n_senders_before(LOGITS)


def test_spans_before_the_first_change_never_carry_an_edge() -> None:
    model, prompts = small("gpt2"), positioned(1)
    _, decisions = search(model, prompts, tau=-1e9)
    before = [d for d in decisions if d.edge.span == "start"]
    assert before and all(d.reason is Reason.SAME for d in before)
    assert any(d.kept for d in decisions)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "llama"])
def test_a_circuit_with_all_spans_of_its_edges_is_the_circuit_without_positions(name: str) -> None:
    model, prompts = tiny(name, 4), positioned(4, n=4)
    draw = random.Random(3)
    some = [edge for edge in model.graph.edges() if draw.random() < 0.7]
    ((caches, _),) = prepared(model, prompts, Metric.KL)
    spread = [Edge(edge.sender, edge.receiver, span) for edge in some for span in caches.spans.names]
    plain = run_circuit(model, caches.tokens, some, caches.carried)
    for normed in (run_circuit(model, caches.tokens, spread, caches.carried), CircuitRunner(caches)(spread)):
        assert (normed - plain).abs().max() < 1e-12


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("name", ["gpt2", "gemma2", "llama"])
def test_circuits_run_fast_are_circuits_run_by_their_definition(name: str, ablation: Ablation) -> None:
    model, prompts = tiny(name, 4), positioned(4, n=4)
    draw = random.Random(5)
    for caches, _ in prepared(model, prompts, Metric.KL, ablation, 3):
        runner = CircuitRunner(caches)
        for share in (0.15, 0.5):
            edges = [edge for edge in model.graph.edges_at(caches.spans.names) if draw.random() < share]
            slow = run_circuit(model, caches.tokens, edges, caches.carried)
            assert (runner(edges) - slow).abs().max() < 1e-11


def passes(model: Model, prompts: list[TinyPrompt], start: Any = None, **settings: object) -> Passes:
    chosen = SearchSettings.of(positions=True, **settings)
    method = method_named(chosen.method)
    assert isinstance(method, DecidingMethod)
    return Passes(method, prepared(model, prompts, Metric.KL), chosen, WINDOW_BYTES, start)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "llama"])
def test_a_search_that_starts_from_a_circuit_in_positions_decides_as_the_oracle_does(name: str) -> None:
    model, prompts = small(name, 2), positioned(2)
    draw = random.Random(4)
    ((caches, _),) = prepared(model, prompts, Metric.KL)
    every = list(model.graph.edges_at(caches.spans.names))
    start = {edge: draw.uniform(-1, 1) for edge in every if draw.random() < 0.6}
    run = passes(model, prompts, start, threshold=TAU)
    decisions = list(run.decisions())
    assert {d.edge for d in decisions} == set(start)
    free = {names(d.edge) for d in decisions if d.reason is not Reason.EVALUATED}
    outside = {names(edge) for edge in every if edge not in start}
    order: list[tuple[str, list[tuple[str, str]]]] = []
    for d in decisions:
        if not order or order[-1][0] != str(d.edge.receiver):
            order.append((str(d.edge.receiver), []))
        order[-1][1].append((str(d.edge.sender), d.edge.span))
    expected, final = oracle.acdc(model.weights, prompts, TAU, order=order, free=free, outside=outside)
    evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
    assert [d.kept for d in evaluated] == [e[2] for e in expected]
    assert [d.effect for d in evaluated] == pytest.approx([e[3] for e in expected], abs=1e-11)
    assert run.metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("method", ["acdc", "grouped"])
def test_no_edge_of_a_refined_circuit_can_go_for_less_than_the_threshold(method: str) -> None:
    model, prompts = small("llama", 6), positioned(6, n=3)
    run = passes(model, prompts, method=method, threshold=TAU, refine=True)
    last = {decision.edge: decision.kept for decision in run.decisions()}
    circuit = [edge for edge, kept in last.items() if kept]
    ((caches, objective),) = prepared(model, prompts, Metric.KL)
    runner = CircuitRunner(caches)

    def value(edges: list[Edge]) -> float:
        return float(objective(runner(edges)[None]).mean())

    assert circuit and run.metric == pytest.approx(value(circuit), abs=1e-11)
    assert min(value([e for e in circuit if e != edge]) - run.metric for edge in circuit) >= TAU - 1e-12


@pytest.mark.parametrize("method", ["acdc", "grouped"])
def test_an_interrupted_search_goes_on_to_the_same_end_from_anywhere(method: str) -> None:
    model, prompts = small("gpt2", 3), positioned(3)
    settings = SearchSettings.of(positions=True, method=method, threshold=0.005, refine=True)
    options = {"method": method, "threshold": 0.005, "refine": True}
    whole = passes(model, prompts, **options)
    decisions = list(whole.decisions())
    for cut in range(0, len(decisions) + 1, 83):
        resumed = passes(model, prompts, **options)
        earlier = decisions[: whole_receivers(decisions[:cut], model.graph, settings, None)]
        assert resumed.replay(earlier) == len(earlier), "all of what is left of the journal"
        assert [*earlier, *resumed.decisions()] == decisions, "to the last bit"
        assert (resumed.evaluations, resumed.metric) == (whole.evaluations, whole.metric)


def test_a_decision_in_positions_is_read_back_from_its_line() -> None:
    decision = Decision(Edge.named("a0.h1@S 2 -> m1@S 2"), True, 0.5, 1.5, Reason.EVALUATED, 3)
    assert '"span": "S 2"' in decision.to_json()
    assert Decision.from_json(decision.to_json()) == decision
    plain = dataclasses.replace(decision, edge=decision.edge.merged)
    assert "span" not in plain.to_json() and Decision.from_json(plain.to_json()) == plain
