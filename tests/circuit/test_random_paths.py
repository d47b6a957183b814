"""Random circuits of paths: all of their edges can matter, and they are as many as were asked for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from acdc_custom.circuit.random_paths import PathDrawer
from acdc_custom.graph import EMBED, LOGITS, Edge, Graph, GraphShape

SHAPES = [
    GraphShape(3, 4, 4),
    GraphShape(3, 4, 2),
    GraphShape(2, 4, 1, has_mlp=False),
    GraphShape(2, 3, 3, parallel=True),
]


def drawer(shape: GraphShape, seed: int = 0) -> PathDrawer:
    return PathDrawer(Graph(shape), np.random.default_rng(seed))


def useless(edges: frozenset[Edge], graph: Graph) -> list[Edge]:
    """The edges that are on no path from the embedding to the logits."""
    reached = {EMBED}
    for sender in graph.senders:
        if any(sender in graph.nodes_of(e.receiver) and e.sender in reached for e in edges):
            reached.add(sender)
    alive = set()
    for sender in reversed(graph.senders):
        reads = [e.receiver for e in edges if e.sender == sender]
        if any(r == LOGITS or alive.intersection(graph.nodes_of(r)) for r in reads):
            alive.add(sender)
    return [
        e
        for e in edges
        if e.sender not in reached or not (e.receiver == LOGITS or alive.intersection(graph.nodes_of(e.receiver)))
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_path_leads_from_the_embedding_to_the_logits(shape: GraphShape) -> None:
    draws = drawer(shape)
    for _ in range(200):
        path = draws.path()
        assert path[0].sender == EMBED and path[-1].receiver == LOGITS
        assert all(edge in draws.graph for edge in path)
        assert all(b.sender in draws.graph.nodes_of(a.receiver) for a, b in pairwise(path))


def test_every_first_step_is_equally_likely() -> None:
    draws = drawer(GraphShape(1, 2, 2))  # 6 head inputs, an MLP, the logits
    counts = Counter(draws.path()[0].receiver for _ in range(8000))
    assert len(counts) == 8
    assert all(abs(count - 1000) < 5 * 30 for count in counts.values())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n", [0, 1, 7, 40])
def test_a_random_circuit_has_as_many_edges_all_on_paths(shape: GraphShape, n: int) -> None:
    draws = drawer(shape)
    found = {draws.circuit(n) for _ in range(20)}
    assert {len(edges) for edges in found} == {n}
    assert len(found) > 5 or n < 2
    assert not any(useless(edges, draws.graph) for edges in found)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_edges_can_be_drawn_and_no_more(shape: GraphShape) -> None:
    draws = drawer(shape)
    everything = frozenset(draws.graph.edges())
    assert draws.circuit(len(everything)) == everything == draws.circuit(10**6)
    assert len(draws.circuit(len(everything) - 1)) == len(everything) - 1


def test_an_inflated_circuit_has_a_path_more_and_names_one_of_its_new_edges() -> None:
    draws = drawer(SHAPES[0])
    own = draws.circuit(20)
    for _ in range(50):
        inflated = draws.inflated(own)
        assert inflated is not None
        edges, added = inflated
        assert own < edges and added in edges - own
        assert not useless(edges, draws.graph)


def test_the_whole_graph_cannot_be_inflated() -> None:
    draws = drawer(SHAPES[0])
    assert draws.inflated(list(draws.graph.edges())) is None
