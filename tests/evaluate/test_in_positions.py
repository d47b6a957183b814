"""An evaluation of a circuit in positions: what it runs, and what random circuits it is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from circuits import at_every_span
from random_circuits import random_circuit
from tiny import TinyPrompt, random_prompts, tiny
from tiny_task import TASK, prepared

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.errors import UsageError
from acdc_custom.evaluate.baselines import columns_of, random_circuits
from acdc_custom.evaluate.completeness import Completeness
from acdc_custom.evaluate.content import load, save
from acdc_custom.evaluate.evaluation import evaluate_circuit
from acdc_custom.evaluate.hypotheses import independence
from acdc_custom.evaluate.kinds import Hypothesis, PromptKind, RandomBaseline, Subject
from acdc_custom.evaluate.minimality import places_of, without_each_node
from acdc_custom.evaluate.prompt_sets import PromptSet, spans_lacked
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.evaluate.summary import summarize_evaluation
from acdc_custom.graph import LOGITS, Edge, Place


def named_prompts() -> list[TinyPrompt]:
    """Three prompts of two names, which differ from the first on."""
    return [replace(prompt, positions={"A": 2, "B": 3}) for prompt in random_prompts(4)]


@pytest.fixture(scope="module")
def batch() -> PreparedBatch:
    return prepared(tiny("gpt2", 2, n_layer=2, n_head=2), named_prompts())


@pytest.fixture(scope="module")
def plain(batch: PreparedBatch) -> Circuit:
    return random_circuit(batch.model.graph.shape, 8, 1)


@pytest.fixture(scope="module")
def spread(plain: Circuit, batch: PreparedBatch) -> Circuit:
    return at_every_span(plain, batch.tokens.spans.names)


@pytest.fixture(scope="module")
def evaluation(batch: PreparedBatch, spread: Circuit) -> Evaluation:
    return evaluate_circuit(batch, spread, n=5, seed=3, draws=20)


def test_a_circuit_with_all_spans_of_its_edges_is_the_one_without(
    evaluation: Evaluation, batch: PreparedBatch, plain: Circuit
) -> None:
    (on,) = evaluation.prompts
    inside = CircuitScorer(batch)(kept.edge for kept in plain.edges)
    for subject in (Subject.CIRCUIT, Subject.MERGED):
        found = on.of(subject)
        assert found is not None
        assert found.kl.value == pytest.approx(inside.kl.mean(), abs=1e-9)
        assert found.logit_diff.value == pytest.approx(inside.logit_diff.mean(), abs=1e-9)
    assert {"EAP", "EAP-IG (inputs)", "RelP"} <= on.ranked.keys()


def test_what_is_left_without_it_are_all_other_edges_at_spans(
    evaluation: Evaluation, batch: PreparedBatch, plain: Circuit
) -> None:
    """That is what the test of independence runs: here, all other edges of the circuit without positions."""
    bench, own = CircuitScorer(batch), {kept.edge for kept in plain.edges}
    others = bench(edge for edge in plain.graph.edges() if edge not in own)
    expected = independence(others.logit_diff, bench.full.logit_diff, bench.empty.logit_diff, 3)
    found = next(test for test in evaluation.tests if test.hypothesis is Hypothesis.INDEPENDENCE)
    assert (found.p, found.details) == (expected.p, expected.details)


def test_it_counts_edges_and_nodes_at_spans(evaluation: Evaluation, spread: Circuit) -> None:
    source = evaluation.source
    assert (source.n_edges, source.n_spans) == (len(spread.edges), len(spread.spans))
    assert source.of_edges == spread.graph.n_edges_in(len(spread.spans))
    assert source.n_nodes == len({(kept.edge.sender, kept.edge.span) for kept in spread.edges})
    said = " ".join(summarize_evaluation(evaluation).split())
    assert f"each counted at every one of {len(spread.spans)} spans" in said
    assert any(removed.name.endswith("@END") for removed in evaluation.examined[-1].nodes)


def test_it_loads_back_with_its_spans(evaluation: Evaluation, tmp_path: Path) -> None:
    save(evaluation, tmp_path)
    assert load(tmp_path) == evaluation


def test_a_node_is_knocked_out_where_the_circuit_has_it_and_nowhere_else(batch: PreparedBatch, spread: Circuit) -> None:
    edges = [kept.edge for kept in spread.edges if kept.edge.span in ("B", "END")]
    bench = CircuitScorer(batch)
    (chunk,) = batch.chunks
    everything = list(batch.model.graph.edges_at(batch.tokens.spans.names))
    for row in list(Completeness(bench, edges, 0).sets({}, lambda: None))[:3]:
        assert {place.span for place in row.places} <= {"B", "END"}
        gone = set(row.places)
        for kept, found in ((everything, row.model), (edges, row.circuit)):
            left = [edge for edge in kept if Place(edge.sender, edge.span) not in gone]
            expected = bench.scores([run_circuit(batch.model, chunk.tokens, left, chunk.carried)])
            assert found == pytest.approx(float(expected.logit_diff.mean()), abs=1e-9)


def test_a_node_is_removed_at_one_span_at_a_time(batch: PreparedBatch, spread: Circuit) -> None:
    edges = [kept.edge for kept in spread.edges]
    bench = CircuitScorer(batch)
    (chunk,) = batch.chunks
    inside = bench(edges)
    rows = list(without_each_node(bench, edges, inside, lambda: None))
    assert [row.name for row in rows] == list(map(str, places_of(edges)))
    for row in rows[-3:]:
        left = [edge for edge in edges if str(Place(edge.sender, edge.span)) != row.name]
        expected = bench.scores([run_circuit(batch.model, chunk.tokens, left, chunk.carried)])
        assert row.change == pytest.approx(float((expected.logit_diff - inside.logit_diff).mean()), abs=1e-9)


def reaching(edges: frozenset[Edge], batch: PreparedBatch) -> set[Edge]:
    """Those on a path from where the prompts differ to the logits, attention going from a span to those that see it."""
    graph, spans = batch.model.graph, batch.tokens.spans

    def after(edge: Edge) -> set[Place]:
        to = spans.seeing(frozenset((edge.span,))) if edge.receiver.port in ("k", "v") else (edge.span,)
        return {Place(node, span) for node in graph.nodes_of(edge.receiver) for span in to}

    moved = {Place(graph.senders[0], name) for name in spans.names if batch.chunks[0].moves[name][0]}
    alive: set[Place] = set()
    for _ in graph.senders:
        moved |= {place for edge in edges if Place(edge.sender, edge.span) in moved for place in after(edge)}
        alive |= {Place(e.sender, e.span) for e in edges if e.receiver == LOGITS or alive & after(e)}
    return {
        edge
        for edge in edges
        if Place(edge.sender, edge.span) in moved and (edge.receiver == LOGITS or alive & after(edge))
    }


def test_every_edge_of_random_paths_can_matter(batch: PreparedBatch, spread: Circuit) -> None:
    small = replace(spread, edges=spread.edges[:12])
    columns = columns_of(batch)
    assert "start" not in columns.starts and set(columns.starts) > {"A"}
    drawn = random_circuits(small, RandomBaseline.PATHS, 30, 0, columns)
    assert len(drawn) == 30
    for edges in drawn:
        assert len(edges) == 12
        assert all(edge.span == "END" for edge in edges if edge.receiver == LOGITS)
        assert reaching(edges, batch) == edges
    assert len({edge.span for edges in drawn for edge in edges}) > 2


@pytest.mark.parametrize("drawn", [RandomBaseline.SHUFFLED, RandomBaseline.REWIRED])
def test_other_random_circuits_keep_as_many_edges_in_every_span(
    drawn: RandomBaseline, batch: PreparedBatch, spread: Circuit
) -> None:
    def counted(edges: frozenset[Edge]) -> list[tuple[str, int]]:
        spans = [edge.span for edge in edges]
        return [(span.name, spans.count(span.name)) for span in spread.spans]

    own = frozenset(kept.edge for kept in spread.edges)
    found = random_circuits(spread, drawn, 20, 0, columns_of(batch))
    assert found and own not in found
    graph = batch.model.graph
    for edges in found:
        assert counted(edges) == counted(own)
        assert all(edge.merged in graph for edge in edges)
        if drawn is RandomBaseline.REWIRED:
            assert places_of(list(edges)) == places_of(list(own))


def test_prompts_without_its_spans_are_told_and_those_without_any_are_refused(
    batch: PreparedBatch, spread: Circuit
) -> None:
    lacking = prepared(batch.model, [replace(prompt, positions={"A": 2}) for prompt in named_prompts()]).batch
    here = [kept for kept in spread.edges if kept.edge.span in ("A", "B", "END")]
    circuit = replace(spread, edges=tuple(here))
    (note,) = spans_lacked(circuit, [PromptSet(PromptKind.FRESH, "new prompts", TASK, lacking)])
    assert note == "The prompts of new prompts have no B: the circuit's edges there are nothing on them."
    strangers = prepared(batch.model, [replace(p, positions={"other": 2}) for p in named_prompts()]).batch
    with pytest.raises(UsageError, match="edges at A, B, and no prompt of task x has such a span"):
        spans_lacked(circuit, [PromptSet(PromptKind.TASK, "task x", TASK, strangers)])
    assert np.isfinite(CircuitScorer(batch)(kept.edge for kept in here).kl).all()
