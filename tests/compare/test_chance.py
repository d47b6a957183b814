"""Random circuits are what they are said to be, and chance is told from more than chance."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from circuits import circuit_of

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel, RandomCircuitSampler
from acdc_custom.compare.chance import Chance, against_chance
from acdc_custom.graph import Edge, Graph, GraphShape, Port, Sender, Stage

SHAPES = [
    GraphShape(3, 4, 4),
    GraphShape(3, 4, 2),
    GraphShape(3, 4, 1, has_mlp=False),
    GraphShape(2, 3, 3, parallel=True),
]


def random_circuit(shape: GraphShape, n: int, seed: int) -> Circuit:
    """`n` edges of all, each as likely."""
    edges = list(Graph(shape).edges())
    chosen = np.random.default_rng(seed).choice(len(edges), n, replace=False)
    return replace(circuit_of(shape, {}), edges=tuple(KeptEdge(edges[i], 1.0 + i) for i in chosen))


def draw(circuit: Circuit, null: NullModel, n: int, seed: int = 0) -> list[frozenset[Edge]]:
    drawer = RandomCircuitSampler(circuit, np.random.default_rng(seed))
    chain = drawer.rewired()
    draws = (drawer.shuffled() if null is NullModel.SHUFFLED else next(chain) for _ in range(n))
    return [frozenset(drawer.edges(codes[Part.EDGES])) for codes in draws]


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


def test_one_head_of_four_is_the_same_by_chance_in_a_quarter_of_draws() -> None:
    circuit = circuit_of(GraphShape(2, 4, 4), {("a1.h0", "logits"): 1.0})
    found = against_chance([circuit, circuit], 2000, 0)
    for part in (Part.EDGES, Part.NODES, Part.HEADS):
        chance = of(found[part, 0, 1], NullModel.SHUFFLED)
        for against in (chance.jaccard, chance.weighted):
            assert against is not None and against.observed == pytest.approx(1) and against.z is not None
            assert against.mean == pytest.approx(0.25, abs=0.03)
            assert against.p == pytest.approx(0.25, abs=0.03)
            assert against.z == pytest.approx(0.75 / 0.433, abs=0.15)


def of(chances: tuple[Chance, ...], null: NullModel) -> Chance:
    return next(chance for chance in chances if chance.null is null)


@pytest.mark.parametrize("null", NullModel)
def test_circuits_that_were_drawn_at_random_are_no_more_alike_than_chance(null: NullModel) -> None:
    shape = GraphShape(4, 6, 3)
    zs, ps = [], []
    for seed in range(12):
        pair = [replace_edges(random_circuit(shape, 60, 100), null, seed), random_circuit(shape, 60, 200)]
        against = of(against_chance(pair, 60, seed)[Part.EDGES, 0, 1], null).jaccard
        assert against is not None and against.z is not None
        zs.append(against.z)
        ps.append(against.p)
    assert abs(sum(zs) / len(zs)) < 0.9  # three standard errors
    assert min(ps) > 0.005 and max(ps) > 0.3


def replace_edges(circuit: Circuit, null: NullModel, seed: int) -> Circuit:
    (edges,) = draw(circuit, null, 1, seed)
    return replace(circuit, edges=tuple(KeptEdge(edge, 1.0) for edge in sorted(edges)))


def test_the_same_circuit_twice_is_far_from_chance() -> None:
    circuit = random_circuit(GraphShape(4, 6, 6), 60, 5)
    found = against_chance([circuit, circuit], 200, 0)
    for null in NullModel:
        against = of(found[Part.EDGES, 0, 1], null).jaccard
        assert against is not None and against.z is not None
        assert against.observed == 1 and against.z > 5 and against.p == pytest.approx(1 / 201)


def test_where_nothing_can_vary_there_is_no_z_and_p_is_one() -> None:
    circuit = circuit_of(GraphShape(2, 4, 4), {("m1", "logits"): 1.0, ("embed", "m0"): 1.0})
    found = against_chance([circuit, circuit], 20, 0)
    against = of(found[Part.EDGES, 0, 1], NullModel.SHUFFLED).jaccard
    assert against is not None and (against.z, against.p, against.mean) == (None, 1.0, 1.0)
    assert of(found[Part.HEADS, 0, 1], NullModel.SHUFFLED).jaccard is None


def test_the_seed_decides_the_draws() -> None:
    circuits = [random_circuit(GraphShape(3, 4, 2), 20, seed) for seed in (1, 2)]
    assert against_chance(circuits, 30, 7) == against_chance(circuits, 30, 7)
    assert against_chance(circuits, 30, 7) != against_chance(circuits, 30, 8)


def test_progress_is_told_of_every_draw() -> None:
    told: Counter[str] = Counter()

    def note(what: str, more: int, total: int) -> None:
        assert total == 25
        told[what] += more

    against_chance([random_circuit(GraphShape(2, 2, 2), 5, 0)] * 2, 25, 0, note)
    assert list(told.values()) == [25, 25]


def test_ports_of_a_group_move_together() -> None:
    circuit = circuit_of(GraphShape(2, 4, 2), {("embed", "a1.kv0.k"): 1.0, ("embed", "a1.h1.q"): 1.0})
    for edges in draw(circuit, NullModel.SHUFFLED, 40):
        places = {edge.receiver.port: edge.receiver.head for edge in edges}
        assert places[Port.Q] // 2 == places[Port.K]
