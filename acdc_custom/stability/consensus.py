"""The circuit of the edges that at least a certain share of the runs keeps.

Owns what belongs to it. The definition is the plain one: an edge is in or out by its share alone, whatever becomes of
its neighbours. So an edge may be left without a kept path to the logits: it carries nothing then, and counts as dead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.graph import LOGITS, Edge, Graph, Sender
from acdc_custom.stability.shares import SelectionFrequency


def consensus_edges(shares: Sequence[SelectionFrequency], share: float) -> tuple[KeptEdge, ...]:
    """The edges that at least this share of the runs keeps, with their mean effects, in topological order."""
    found = [KeptEdge(s.member, s.effect) for s in shares if isinstance(s.member, Edge) and s.reaches(share)]
    return tuple(sorted(found, key=lambda kept: kept.edge))


def dead_edges(graph: Graph, edges: Iterable[Edge]) -> list[Edge]:
    """Those of the edges from which no path of them leads to the logits, in topological order."""
    alive: set[Sender] = set()
    dead = []
    for edge in sorted(edges, reverse=True):  # what an edge leads into sends later: it is known by then
        if edge.receiver == LOGITS or alive.intersection(graph.nodes_of(edge.receiver)):
            alive.add(edge.sender)
        else:
            dead.append(edge)
    return dead[::-1]
