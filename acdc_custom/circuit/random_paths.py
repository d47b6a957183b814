"""Random circuits made of paths from the embedding to the logits, as in Shi et al. 2024 (arXiv 2410.13032, their
`sample_circuit` and `sample_inflated`).

Owns the drawing. A path goes from the embedding along edges that are drawn uniformly from those of the node that it has
reached, until it is at the logits: so every edge of a random circuit is on a path that can matter. In positions it
begins in a span where the embedding carries anything, and attention takes it from span to span.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from acdc_custom.graph import EMBED, LOGITS, Edge, Graph, Place, Port, Receiver, Sender

T = TypeVar("T")

TRIES = 200  # paths that are drawn in vain until single edges are drawn


@dataclass(frozen=True)
class Columns:
    """The spans that paths lead through. In one column alone, whose name is "", edges are at all tokens."""

    starts: tuple[str, ...]  # where the embedding of a token carries anything
    seeing: Mapping[str, tuple[str, ...]]  # those in which attention can read each
    end: str  # where the logits are read

    def n_edges(self, graph: Graph) -> int:
        """How many there are."""
        return graph.n_edges_in(len(self.seeing))


WITHOUT = Columns(("",), {"": ("",)}, "")


class PathDrawer:
    """Draws paths of one graph, in positions if there are `columns`."""

    def __init__(self, graph: Graph, generator: np.random.Generator, columns: Columns = WITHOUT) -> None:
        self.graph, self.columns = graph, columns
        self._generator = generator
        # Receivers from the first layer on: those that read a sender are the last so many.
        self._receivers = sorted(graph.receivers, key=graph.n_senders_before)
        self._before = np.array([graph.n_senders_before(receiver) for receiver in self._receivers])

    def path(self) -> list[Edge]:
        """One path."""
        edges, sender, span = [], EMBED, self._one_of(self.columns.starts)
        while True:
            edge = Edge(sender, self._one_of(self._receivers_of(sender, span)), span)
            edges.append(edge)
            if edge.receiver == LOGITS:
                return edges
            sender = self._one_of(self.graph.nodes_of(edge.receiver))
            span = self._one_of(self._read_in(edge))

    def circuit(self, n_edges: int) -> frozenset[Edge]:
        """As many edges, all on paths; at most all that there are."""
        edges: set[Edge] = set()
        n_edges, vain = min(n_edges, self.columns.n_edges(self.graph)), 0
        while len(edges) < n_edges:
            new = set(self.path()) - edges
            if new and len(edges) + len(new) <= n_edges:
                edges |= new
                continue
            vain += 1
            if vain > TRIES:
                edges |= self._between(edges, n_edges - len(edges)) or new
        return frozenset(edges)

    def inflated(self, edges: Collection[Edge]) -> tuple[frozenset[Edge], Edge] | None:
        """A circuit with a random path added, and one of the edges that are new; None where no path adds any."""
        for _ in range(TRIES):
            if new := sorted(set(self.path()).difference(edges)):
                return frozenset(edges).union(new), new[int(self._generator.integers(len(new)))]
        return None

    def _between(self, edges: set[Edge], most: int) -> set[Edge]:
        """Edges from nodes that the circuit reaches to receivers whose nodes reach the logits, up to so many."""
        starts = {Place(EMBED, span) for span in self.columns.starts}
        reached = starts.union(*(self._places_after(edge) for edge in edges))
        alive = {Place(edge.sender, edge.span) for edge in edges}
        spans = self.columns.seeing
        there = [
            edge
            for edge in self.graph.edges_at((*(span for span in spans if span != self.columns.end), self.columns.end))
            if Place(edge.sender, edge.span) in reached
            and (edge.receiver == LOGITS or alive.intersection(self._places_after(edge)))
            and edge not in edges
        ]
        return {there[place] for place in self._generator.permutation(len(there))[:most]}

    def _places_after(self, edge: Edge) -> set[Place]:
        """The nodes that an edge can change, and where."""
        return {Place(node, span) for node in self.graph.nodes_of(edge.receiver) for span in self._read_in(edge)}

    def _read_in(self, edge: Edge) -> Sequence[str]:
        """The spans in which the node that an edge leads into can be read on, on a way to the logits."""
        if edge.receiver.port not in (Port.K, Port.V):
            return (edge.span,)
        return [span for span in self.columns.seeing[edge.span] if self._leads_on(edge.receiver.layer, span)]

    def _receivers_of(self, sender: Sender, span: str) -> Sequence[Receiver]:
        """What reads a node in a span, on a way to the logits."""
        after = self._receivers[int(np.searchsorted(self._before, self.graph.index[sender], side="right")) :]
        if span == self.columns.end:
            return after
        return [
            receiver
            for receiver in after
            if receiver != LOGITS and (receiver.port in (Port.K, Port.V) or self._leads_on(receiver.layer, span))
        ]

    def _leads_on(self, layer: int, span: str) -> bool:
        """Whether what a node of a layer writes in a span can come to the logits: elsewhere than at the end, a later
        head has to take it there."""
        return span == self.columns.end or layer < self.graph.shape.n_layers - 1

    def _one_of(self, several: Sequence[T]) -> T:
        return several[int(self._generator.integers(len(several)))]
