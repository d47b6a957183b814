"""Completeness, minimality and baselines, on a transformer whose circuit is known: its weights are written down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from circuits import circuit_of
from handmade import DUPLICATE, INDUCTION, INHIBITION, MOVER, NEGATIVE, PREVIOUS, handmade_model, ioi_prompts
from tiny_task import prepared

from acdc_custom.circuit.random_paths import PathDrawer
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.evaluate.baselines import among_random, random_circuits
from acdc_custom.evaluate.completeness import GREEDY_STEPS, Completeness
from acdc_custom.evaluate.faithfulness import faithfulness
from acdc_custom.evaluate.hypotheses import equivalence, minimality
from acdc_custom.evaluate.kinds import Chosen, RandomBaseline
from acdc_custom.evaluate.minimality import (
    MOST_EDGES,
    chosen_edges,
    squared_change,
    without_each_edge,
    without_each_node,
)
from acdc_custom.graph import Edge, Graph, Receiver, Sender

# The edges by which the handmade model does it, but for its negative mover. "To" stands in the corrupted prompts, too:
# the edges from it carry nothing.
TRUE = {
    ("embed", f"{DUPLICATE}.q"),
    ("embed", f"{DUPLICATE}.k"),
    ("embed", f"{DUPLICATE}.v"),
    (DUPLICATE, f"{INHIBITION}.k"),
    (DUPLICATE, f"{INHIBITION}.v"),
    ("embed", f"{MOVER}.k"),
    ("embed", f"{MOVER}.v"),
    (INHIBITION, f"{MOVER}.q"),
    (MOVER, "logits"),
}
NEGATIVE_EDGES = {
    ("embed", f"{NEGATIVE}.k"),
    ("embed", f"{NEGATIVE}.v"),
    (INHIBITION, f"{NEGATIVE}.q"),
    (NEGATIVE, "logits"),
}
# The induction head of this model writes what nobody reads.
USELESS = {("embed", f"{PREVIOUS}.v"), (PREVIOUS, f"{INDUCTION}.k"), (INDUCTION, "logits")}


def edges_of(names: set[tuple[str, str]]) -> list[Edge]:
    return sorted(Edge(Sender.parse(s), Receiver.parse(r)) for s, r in names)


def ignore() -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def bench() -> CircuitScorer:
    return CircuitScorer(prepared(handmade_model(), ioi_prompts(8)))


WHOLE = TRUE | NEGATIVE_EDGES


def test_the_known_circuit_is_what_the_model_does(bench: CircuitScorer) -> None:
    inside = bench(edges_of(WHOLE))
    found = faithfulness(inside, bench.full, bench.empty)
    assert found.normalised is not None
    assert found.normalised.value == pytest.approx(1, abs=1e-4)
    assert found.absolute.high < 1e-3 and found.kl.high < 1e-3
    assert found.correct.value == 1
    assert equivalence(np.round(inside.logit_diff, 3), np.round(bench.full.logit_diff, 3)).p == 1


def test_no_edges_recover_nothing_and_the_model_everything(bench: CircuitScorer) -> None:
    empty = faithfulness(bench.empty, bench.full, bench.empty)
    full = faithfulness(bench.full, bench.full, bench.empty)
    assert empty.normalised is not None and full.normalised is not None
    assert (empty.normalised.value, full.normalised.value) == (0, 1)
    assert full.absolute.value == 0 and abs(full.kl.value) < 1e-12
    assert empty.absolute.value > 1


def test_without_a_gap_there_is_nothing_to_recover(bench: CircuitScorer) -> None:
    assert faithfulness(bench.empty, bench.full, bench.full).normalised is None


def test_removing_a_part_is_running_the_circuit_without_it(bench: CircuitScorer) -> None:
    edges = edges_of(WHOLE)
    inside = bench(edges)
    nodes = {r.node: r for r in without_each_node(bench, edges, inside, ignore)}
    assert set(nodes) == {e.sender for e in edges}
    mover = Sender.parse(MOVER)
    left = bench([e for e in edges if e.sender != mover])
    expected = left.logit_diff - inside.logit_diff
    assert nodes[mover].change == pytest.approx(expected.mean())
    assert nodes[mover].moved == pytest.approx(np.abs(expected).mean())
    assert nodes[mover].squared == pytest.approx((expected**2).mean())
    assert nodes[mover].change < -1
    assert nodes[Sender.parse(NEGATIVE)].change > 0.1, "the circuit is better without its negative mover"


def test_edges_that_nobody_needs_change_nothing_and_the_test_finds_them(bench: CircuitScorer) -> None:
    edges = edges_of(WHOLE | USELESS)
    inside = bench(edges)
    removed = {r.edge: r for r in without_each_edge(bench, edges, inside, edges, ignore) if r.edge}
    useless = set(edges_of(USELESS))
    assert {edge for edge, r in removed.items() if r.moved < 1e-6} == useless
    paths = PathDrawer(bench.prepared.model.graph, np.random.default_rng(0))
    random = []
    for _ in range(60):
        inflated = paths.inflated(edges)
        assert inflated is not None
        random.append(squared_change(bench(inflated[0] - {inflated[1]}), bench(inflated[0])))
    found = minimality({edge: r.squared for edge, r in removed.items()}, random)
    assert set(found.edges) == useless and found.p < 0.05
    needed = minimality({edge: r.squared for edge, r in removed.items() if edge not in useless}, random)
    assert needed.p > 0.05


def test_a_great_many_edges_are_sampled_and_few_are_not() -> None:
    edges = list(Graph(circuit_of_everything().shape).edges())
    assert len(edges) > MOST_EDGES
    chosen = chosen_edges(edges, seed=1)
    assert len(set(chosen)) == MOST_EDGES and chosen == [e for e in edges if e in set(chosen)]
    assert chosen_edges(edges, seed=1) == chosen != chosen_edges(edges, seed=2)
    assert chosen_edges(edges[:MOST_EDGES], seed=1) == edges[:MOST_EDGES]


def circuit_of_everything() -> Graph:
    from acdc_custom.graph import GraphShape

    return Graph(GraphShape(4, 4, 4))


# -- completeness -------------------------------------------------------------------------------------------


def knocked_out(bench: CircuitScorer, names: set[tuple[str, str]], on_set: Callable[[], None] = ignore) -> list:  # type: ignore[type-arg]
    roles = {"mover": [Sender.parse(MOVER)], "of another circuit": [Sender.parse("a0.h2")]}
    completeness = Completeness(bench, edges_of(names), seed=0)
    return list(completeness.sets(roles, on_set))


def test_the_known_circuit_is_complete(bench: CircuitScorer) -> None:
    assert max(row.gap for row in knocked_out(bench, WHOLE)) < 1e-2


def test_knocked_out_nodes_lose_all_their_outgoing_edges_in_both(bench: CircuitScorer) -> None:
    (row,) = (row for row in knocked_out(bench, WHOLE) if row.chosen is Chosen.ROLE)
    assert (row.name, row.nodes) == ("mover", (Sender.parse(MOVER),))
    graph, mover = bench.prepared.model.graph, Sender.parse(MOVER)
    assert row.model == pytest.approx(bench([e for e in graph.edges() if e.sender != mover]).logit_diff.mean())
    assert row.circuit == pytest.approx(bench([e for e in edges_of(WHOLE) if e.sender != mover]).logit_diff.mean())


def test_a_circuit_without_one_of_two_movers_is_not_complete_and_greed_finds_out(bench: CircuitScorer) -> None:
    rows = knocked_out(bench, TRUE)
    greedy = [row for row in rows if row.chosen is Chosen.GREEDY]
    assert max(row.gap for row in greedy) > 0.9, "without the mover the model is left with its negative mover"
    assert Sender.parse(MOVER) in greedy[0].nodes


def test_every_set_is_told_and_was_announced(bench: CircuitScorer) -> None:
    told = []
    rows = knocked_out(bench, WHOLE, lambda: told.append(None))
    completeness = Completeness(bench, edges_of(WHOLE), seed=0)
    roles = {"mover": [Sender.parse(MOVER)], "of another circuit": [Sender.parse("a0.h2")]}
    assert len(told) == completeness.n_sets(roles)
    assert sum(row.chosen is Chosen.GREEDY for row in rows) == min(GREEDY_STEPS, len(completeness.places))


def test_the_embedding_is_never_knocked_out(bench: CircuitScorer) -> None:
    assert all(node.layer >= 0 for row in knocked_out(bench, WHOLE) for node in row.nodes)


# -- baselines ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drawn", [RandomBaseline.PATHS, RandomBaseline.SHUFFLED])
def test_the_known_circuit_beats_all_random_circuits_and_a_random_one_does_not(
    bench: CircuitScorer, drawn: RandomBaseline
) -> None:
    shape = bench.prepared.model.graph.shape
    circuit = circuit_of(shape, dict.fromkeys(sorted(WHOLE), 1.0))
    others = random_circuits(circuit, drawn, 30, 0)
    found = among_random(bench, bench(edges_of(WHOLE)), others, drawn, "new prompts", ignore)
    # Of the three layers' heads, three in each, there are 26 other choices like this one.
    assert found.n == {RandomBaseline.PATHS: 30, RandomBaseline.SHUFFLED: 26}[drawn] and found.enough
    assert found.kl.p <= 2 / 31 and found.absolute.p <= 2 / 31
    assert found.kl.low <= found.kl.mean <= found.kl.high
    useless = circuit_of(shape, dict.fromkeys(sorted(USELESS), 1.0))
    others = random_circuits(useless, drawn, 30, 0)
    chance = among_random(bench, bench(edges_of(USELESS)), others, drawn, "new prompts", ignore)
    assert chance.kl.p > 0.2


def test_degrees_that_leave_no_other_circuit_give_no_baseline(bench: CircuitScorer) -> None:
    circuit = circuit_of(bench.prepared.model.graph.shape, {("embed", "logits"): 1.0})
    assert random_circuits(circuit, RandomBaseline.REWIRED, 30, 0) == []
