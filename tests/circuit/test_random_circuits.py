"""Random circuits are what they are said to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from circuits import circuit_of
from positioned import positioned_circuit
from random_circuits import draw, random_circuit

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.circuit.random_circuits import MOST_DRAWS, NullModel, RandomCircuitSampler, checked_draws
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, Graph, GraphShape, Port, Sender, Stage
from acdc_custom.stats.intervals import FEWEST_DRAWS

SHAPES = [
    GraphShape(3, 4, 4),
    GraphShape(3, 4, 2),
    GraphShape(3, 4, 1, has_mlp=False),
    GraphShape(2, 3, 3, parallel=True),
]


def degrees(edges: frozenset[Edge]) -> tuple[Counter[object], Counter[object]]:
    return Counter(e.sender for e in edges), Counter(e.receiver for e in edges)


def profile(edges: frozenset[Edge]) -> Counter[object]:
    """Who writes to whom, but for which head of its layer somebody is."""
    return Counter(
        (e.sender.layer, e.sender.stage, e.receiver.layer, e.receiver.stage, e.receiver.port, e.receiver.grouped)
        for e in edges
    )


@pytest.mark.parametrize("null", NullModel)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_circuits_have_the_size_and_the_degrees_and_are_in_the_graph(shape: GraphShape, null: NullModel) -> None:
    circuit = random_circuit(shape, 30, 1)
    own = frozenset(kept.edge for kept in circuit.edges)
    drawn = draw(circuit, null, 20)
    assert len(set(drawn)) > 10
    for edges in drawn:
        assert len(edges) == 30
        assert all(edge in circuit.graph for edge in edges)
        if null is NullModel.REWIRED:
            assert degrees(edges) == degrees(own)
        else:
            assert profile(edges) == profile(own)
            assert [sorted(d.values()) for d in degrees(edges)] == [sorted(d.values()) for d in degrees(own)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shuffled_heads_keep_their_inputs_and_their_outputs_together(shape: GraphShape) -> None:
    # Everything into and out of one head: in every draw it is everything into and out of one head of that layer.
    graph = Graph(shape)
    head = Sender(1, Stage.HEAD, 1)
    edges = [e for e in graph.edges() if e.sender == head or e.receiver in graph.inputs_of(head)]
    circuit = replace(circuit_of(shape, {}), edges=tuple(KeptEdge(edge, 1.0) for edge in edges))
    seen = set()
    for drawn in draw(circuit, NullModel.SHUFFLED, 60):
        (now,) = {
            e.sender for e in drawn if e.sender.layer == 1 and e.receiver.layer > 1 and e.sender.stage is head.stage
        }
        assert drawn == {e for e in graph.edges() if e.sender == now or e.receiver in graph.inputs_of(now)}
        seen.add(now)
    assert seen == {Sender(1, Stage.HEAD, h) for h in range(shape.n_heads)}


def test_in_positions_nodes_are_drawn_at_their_spans() -> None:
    circuit = positioned_circuit()
    sampler = RandomCircuitSampler(circuit, np.random.default_rng(0))
    own, shuffled = sampler.own(Part.NODES), sampler.shuffled()[Part.NODES]
    n_spans = len({kept.edge.span for kept in circuit.edges})
    assert len({*own.members}) == len(own.weights) == len(members_of(circuit, Part.NODES))
    assert sorted(shuffled.members % n_spans) == sorted(own.members % n_spans)


def test_rewiring_reaches_every_circuit_with_these_degrees_equally_often() -> None:
    shape = GraphShape(2, 2, 2, has_mlp=False)
    graph = Graph(shape)
    circuit = random_circuit(shape, 5, 0)
    own = degrees(frozenset(kept.edge for kept in circuit.edges))
    every = {frozenset(edges) for edges in combinations(graph.edges(), 5) if degrees(frozenset(edges)) == own}
    assert len(every) > 5
    drawn = Counter(draw(circuit, NullModel.REWIRED, 150 * len(every)))
    assert set(drawn) == every
    assert all(90 < count < 220 for count in drawn.values())


def test_ports_of_a_group_move_together() -> None:
    circuit = circuit_of(GraphShape(2, 4, 2), {("embed", "a1.kv0.k"): 1.0, ("embed", "a1.h1.q"): 1.0})
    for edges in draw(circuit, NullModel.SHUFFLED, 40):
        places = {edge.receiver.port: edge.receiver.head for edge in edges}
        assert places[Port.Q] // 2 == places[Port.K]


@pytest.mark.parametrize("draws", [-1, FEWEST_DRAWS - 1, MOST_DRAWS + 1])
def test_draws_that_show_nothing_or_never_end_are_refused(draws: int) -> None:
    assert [checked_draws(n) for n in (FEWEST_DRAWS, MOST_DRAWS)] == [FEWEST_DRAWS, MOST_DRAWS]
    with pytest.raises(UsageError, match=rf"^{draws} draws were asked for: allowed are 20 to 100,000\."):
        checked_draws(draws)
