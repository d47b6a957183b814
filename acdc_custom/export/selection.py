"""What a picture shows of a circuit: which edges, and with them which nodes and layers.

Owns the filter by effect. Knows nothing of how anything looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.errors import UsageError
from acdc_custom.graph import Receiver, Sender, Stage
from acdc_custom.heads.table import HeadRow, HeadTable

DEFAULT_MAX_EDGES = 300


@dataclass(frozen=True)
class DrawnPart:
    """The part of a circuit that is drawn. Every tuple is in topological order."""

    circuit: Circuit
    edges: tuple[KeptEdge, ...]
    heads: HeadTable | None = None  # with it, heads are coloured by role

    @property
    def is_whole(self) -> bool:
        """Whether every edge of the circuit is drawn."""
        return len(self.edges) == len(self.circuit.edges)

    @cached_property
    def shared(self) -> tuple[Receiver, ...]:
        """The inputs of key/value heads that several query heads share (grouped-query attention)."""
        return tuple(sorted({k.edge.receiver for k in self.edges if k.edge.receiver.grouped}))

    @cached_property
    def heads_of(self) -> dict[Receiver, tuple[Sender, ...]]:
        """For each shared input, the heads of its group that are in the circuit, or else all of the group."""
        present = {*self.circuit.nodes, *_readers(self.circuit, self.circuit.edges)}
        groups = {receiver: self.circuit.graph.nodes_of(receiver) for receiver in self.shared}
        return {
            receiver: tuple(head for head in heads if head in present) or tuple(heads)
            for receiver, heads in groups.items()
        }

    @cached_property
    def nodes(self) -> tuple[Sender, ...]:
        """Every node with a drawn edge, and the heads behind a drawn shared input."""
        senders = {kept.edge.sender for kept in self.edges}
        behind_shared = {head for heads in self.heads_of.values() for head in heads}
        return tuple(sorted(senders | behind_shared | {*_readers(self.circuit, self.edges)}))

    @cached_property
    def head_rows(self) -> dict[Sender, HeadRow]:
        """What is known of the drawn heads; none without a table of heads."""
        known = {} if self.heads is None else {row.head: row for row in self.heads.rows}
        return {node: known[node] for node in self.nodes if node in known}

    @cached_property
    def logits(self) -> bool:
        """Whether an edge into the logits is drawn."""
        return any(kept.edge.receiver.stage is Stage.LOGITS for kept in self.edges)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The layers with a drawn node."""
        return tuple(sorted({node.layer for node in self.nodes if node.stage is not Stage.EMBED}))


def select(circuit: Circuit, max_edges: int | None = None, heads: HeadTable | None = None) -> DrawnPart:
    """The strongest edges by effect, `max_edges` of them (300 by default). Raises `UsageError` below 1."""
    limit = DEFAULT_MAX_EDGES if max_edges is None else max_edges
    if limit < 1:
        raise UsageError(f"a picture of {limit} edges was asked for: it needs at least 1.")
    strongest = sorted(circuit.edges, key=lambda kept: (-_strength(kept), kept.edge))[:limit]
    return DrawnPart(circuit, tuple(sorted(strongest, key=lambda kept: kept.edge)), heads)


def _strength(kept: KeptEdge) -> float:
    return -math.inf if math.isnan(kept.effect) else kept.strength


def _readers(circuit: Circuit, edges: Iterable[KeptEdge]) -> Iterable[Sender]:
    """The nodes that the edges lead into; a shared input is nobody's in particular."""
    for kept in edges:
        if not kept.edge.receiver.grouped:
            yield from circuit.graph.nodes_of(kept.edge.receiver)
