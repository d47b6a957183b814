"""Random circuits made of paths from the embedding to the logits, as in Shi et al. 2024 (arXiv 2410.13032, their
`sample_circuit` and `sample_inflated`).

Owns the drawing. A path goes from the embedding along edges that are drawn uniformly from those of the node that it has
reached, until it is at the logits: so every edge of a random circuit is on a path that can matter.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from acdc_custom.graph import EMBED, LOGITS, Edge, Graph, Receiver, Sender

TRIES = 200  # paths that are drawn in vain until single edges are drawn


class PathDrawer:
    """Draws paths of one graph."""

    def __init__(self, graph: Graph, generator: np.random.Generator) -> None:
        self.graph = graph
        self._generator = generator
        # Receivers from the first layer on: those that read a sender are the last so many.
        self._receivers = sorted(graph.receivers, key=graph.n_senders_before)
        self._before = np.array([graph.n_senders_before(receiver) for receiver in self._receivers])

    def path(self) -> list[Edge]:
        """One path."""
        edges, sender = [], EMBED
        while True:
            edge = Edge(sender, self._receiver_of(sender))
            edges.append(edge)
            if edge.receiver == LOGITS:
                return edges
            sender = self._one_of(self.graph.nodes_of(edge.receiver))

    def circuit(self, n_edges: int) -> frozenset[Edge]:
        """As many edges, all on paths; at most all that there are."""
        edges: set[Edge] = set()
        n_edges, vain = min(n_edges, self.graph.n_edges), 0
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
        reached: set[Sender] = {EMBED}.union(*(self.graph.nodes_of(edge.receiver) for edge in edges))
        alive = {edge.sender for edge in edges}
        there = [
            Edge(sender, receiver)
            for receiver in self.graph.receivers
            if receiver == LOGITS or alive.intersection(self.graph.nodes_of(receiver))
            for sender in self.graph.senders_to(receiver)
            if sender in reached and Edge(sender, receiver) not in edges
        ]
        return {there[place] for place in self._generator.permutation(len(there))[:most]}

    def _receiver_of(self, sender: Sender) -> Receiver:
        """One of those that read the sender."""
        first = int(np.searchsorted(self._before, self.graph.index[sender], side="right"))
        return self._receivers[int(self._generator.integers(first, len(self._receivers)))]

    def _one_of(self, nodes: list[Sender]) -> Sender:
        return nodes[int(self._generator.integers(len(nodes)))]
