"""Circuits drawn at random, of all edges and of those that a null model leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from circuits import circuit_of

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel, RandomCircuitSampler
from acdc_custom.graph import Edge, Graph, GraphShape


def random_circuit(shape: GraphShape, n: int, seed: int) -> Circuit:
    """`n` edges of all, each as likely."""
    edges = list(Graph(shape).edges())
    chosen = np.random.default_rng(seed).choice(len(edges), n, replace=False)
    return replace(circuit_of(shape, {}), edges=tuple(KeptEdge(edges[i], 1.0 + i) for i in chosen))


def draw(circuit: Circuit, null: NullModel, n: int, seed: int = 0) -> list[frozenset[Edge]]:
    """The edges of `n` random circuits of this one's size and degrees."""
    drawer = RandomCircuitSampler(circuit, np.random.default_rng(seed))
    chain = drawer.rewired()
    draws = (drawer.shuffled() if null is NullModel.SHUFFLED else next(chain) for _ in range(n))
    return [frozenset(drawer.edges(codes[Part.EDGES])) for codes in draws]
