"""The consensus has the edges that it says, and dead ones are told from others."""

from __future__ import annotations

import random

import pytest
from circuits import circuit_of
from studies import FOUR, SHAPE, runs_of

from acdc_custom.circuit.members import Part
from acdc_custom.graph import Edge, Graph, GraphShape, Sender
from acdc_custom.stability.consensus import consensus_edges, dead_edges
from acdc_custom.stability.shares import shares_of

SHARES = shares_of([run.circuit for run in runs_of(FOUR)], Part.EDGES)


@pytest.mark.parametrize(("share", "n_edges"), [(0.1, 4), (0.5, 3), (0.75, 2), (1.0, 1)])
def test_edges_that_enough_runs_keep_are_in_with_their_mean_effects(share: float, n_edges: int) -> None:
    edges = consensus_edges(SHARES, share)
    assert len(edges) == n_edges and [kept.edge for kept in edges] == sorted(kept.edge for kept in edges)
    assert {str(kept.edge): kept.effect for kept in edges}["m1 -> logits"] == 2.0


def test_an_edge_is_dead_without_a_path_to_the_logits() -> None:
    edges = circuit_of(SHAPE, {("m0", "m1"): 1, ("a1.h3", "logits"): 1, ("embed", "a1.kv1.k"): 1, ("embed", "m0"): 1})
    dead = dead_edges(edges.graph, [kept.edge for kept in edges.edges])
    assert [str(edge) for edge in dead] == ["embed -> m0", "m0 -> m1"], "a1.h3 reads kv1, so that is alive"


@pytest.mark.parametrize("shape", [SHAPE, GraphShape(3, 2, 2, parallel=True), GraphShape(3, 2, 1, has_mlp=False)])
def test_dead_edges_are_those_that_a_walk_finds(shape: GraphShape) -> None:
    graph = Graph(shape)
    every = [Edge(sender, receiver) for receiver in graph.receivers for sender in graph.senders_to(receiver)]
    rng = random.Random(0)
    for _ in range(20):
        edges = rng.sample(every, len(every) // 5)

        def reaches(sender: Sender, edges: list[Edge] = edges) -> bool:
            after = [edge.receiver for edge in edges if edge.sender == sender]
            return any(str(r) == "logits" or any(map(reaches, graph.nodes_of(r))) for r in after)

        walked = [e for e in edges if str(e.receiver) != "logits" and not any(map(reaches, graph.nodes_of(e.receiver)))]
        assert dead_edges(graph, edges) == sorted(walked)
