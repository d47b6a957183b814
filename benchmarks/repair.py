"""To repair a circuit: put back the edge that lowers the KL most, again and again while that is more than a threshold.

Every edge outside the circuit that could matter is tried, each by running the whole circuit with it. An edge from a
node that has no kept input, or into a node that has no way to the logits, changes nothing, and is left out. Gains are
taken to no more than double while other edges come in: so an edge that gained less than half of the best one so far is
not tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import EMBED, Edge, Graph

GROWS = 2.0  # times at most, a gain


def candidates(edges: Collection[Edge], graph: Graph) -> Iterator[Edge]:
    """The single edges outside a circuit that could matter."""
    fed = {EMBED} | {node for edge in edges for node in graph.nodes_of(edge.receiver)}
    alive = {edge.sender for edge in edges}
    for edge in graph.edges():
        nodes = graph.nodes_of(edge.receiver)
        if edge not in edges and edge.sender in fed and (not nodes or any(node in alive for node in nodes)):
            yield edge


def repaired(scorer: CircuitScorer, edges: Collection[Edge], threshold: float) -> tuple[set[Edge], int]:
    """A circuit with edges added while each lowers the KL, in nats, by more than the threshold; and the runs made."""
    circuit, runs = set(edges), 1
    kl = float(scorer(circuit).kl.mean())
    gains: dict[Edge, float] = {}
    while True:
        gains = {edge: gains.get(edge, float("inf")) for edge in candidates(circuit, scorer.prepared.model.graph)}
        best, gain = None, threshold
        for edge in sorted(gains, key=lambda edge: -gains[edge]):
            if GROWS * gains[edge] <= gain:
                break
            gains[edge] = kl - float(scorer(circuit | {edge}).kl.mean())
            runs += 1
            if gains[edge] > gain:
                best, gain = edge, gains[edge]
        if best is None:
            return circuit, runs
        circuit.add(best)
        kl -= gain
