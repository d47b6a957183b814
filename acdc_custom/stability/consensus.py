"""The circuit of the edges that at least a certain share of the runs keeps.

Owns what belongs to it. The definition is the plain one: an edge is in or out by its share alone, whatever becomes of
its neighbours. So an edge may be left without a kept path to the logits: it carries nothing then, and counts as dead.
In positions, attention leads a path from the span of a key or value to those that see it, and all else stays in its
span.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.graph import LOGITS, Edge, Graph, Place, Port
from acdc_custom.stability.shares import SelectionFrequency

Seeing = Mapping[str, Collection[str]]  # by span, those whose queries can read a key there
ALL_TOKENS: Seeing = {"": ("",)}  # without positions


def consensus_edges(shares: Sequence[SelectionFrequency], share: float) -> tuple[KeptEdge, ...]:
    """The edges that at least this share of the runs keeps, with their mean effects, in topological order."""
    found = [KeptEdge(s.member, s.effect) for s in shares if isinstance(s.member, Edge) and s.reaches(share)]
    return tuple(sorted(found, key=lambda kept: kept.edge))


def dead_edges(graph: Graph, edges: Iterable[Edge], seeing: Seeing = ALL_TOKENS) -> list[Edge]:
    """Those of the edges from which no path of them leads to the logits, in topological order."""
    alive: set[Place] = set()
    dead = []
    for edge in sorted(edges, reverse=True):  # what an edge leads into sends later: it is known by then
        receiver, span = edge.receiver, edge.span
        spans = seeing.get(span, ()) if receiver.port in (Port.K, Port.V) else (span,)
        if receiver == LOGITS or any(Place(node, at) in alive for node in graph.nodes_of(receiver) for at in spans):
            alive.add(Place(edge.sender, span))
        else:
            dead.append(edge)
    return dead[::-1]
