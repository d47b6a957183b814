"""How much of two circuits is the same: shared and private members, and the numbers made of them.

Owns the formulas, on plain sets and weights. Knows neither files nor chance.

With A and B the members of two circuits, and w their weights:

    Jaccard index              |A and B| / |A or B|                              Jaccard 1912
    precision of B against A   |A and B| / |B|
    recall of B against A      |A and B| / |A|
    weighted Jaccard index     sum min(w_A, w_B) / sum max(w_A, w_B)             Ruzicka 1958; Ioffe 2010

An edge's weight is the size of its effect as a share of its circuit's, so that circuits that were found with other
metrics or on other prompts can be compared; a node's weight is that of its outgoing edges together. In positions, an
edge at two spans is two members, and so is a node that is read at two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.graph import Edge, Place, Sender, Stage

Member = Edge | Sender | Place  # in positions, edges have spans, and nodes and heads are places


class Part(StrEnum):
    """What is compared of a circuit."""

    EDGES = "edges"
    NODES = "nodes"
    HEADS = "heads"

    @property
    def about(self) -> str:
        """What the members are."""
        return {
            Part.EDGES: "kept edges",
            Part.NODES: "nodes with a kept outgoing edge: heads, MLPs and the embedding",
            Part.HEADS: "attention heads with a kept outgoing edge",
        }[self]


def name_of(member: Member) -> dict[str, str]:
    """As files have it: `sender` and `receiver` of an edge, the name of a node; in positions, the `span`."""
    if isinstance(member, Edge):
        at = {"span": member.span} if member.span else {}
        return {"sender": str(member.sender), "receiver": str(member.receiver), **at}
    if isinstance(member, Place):
        return {"node": str(member.node), "span": member.span}
    return {"node": str(member)}


def member_of(edge: Edge, part: Part) -> Member | None:
    """The member that a kept edge makes one: itself, or where it is sent from; None for an edge of no head."""
    if part is Part.EDGES:
        return edge
    if part is Part.HEADS and edge.sender.stage is not Stage.HEAD:
        return None
    return Place(edge.sender, edge.span) if edge.span else edge.sender


def merged(member: Member) -> Member:
    """The same without its span."""
    if isinstance(member, Edge):
        return member.merged
    return member.node if isinstance(member, Place) else member


def members_of(circuit: Circuit, part: Part) -> dict[Member, float]:
    """The members of a circuit with their weights, which add up to 1 unless all effects are 0."""
    largest = max((kept.strength for kept in circuit.edges if math.isfinite(kept.effect)), default=0.0)
    weights: dict[Member, float] = {}
    for kept in circuit.edges:
        member = member_of(kept.edge, part)
        if member is None:
            continue
        # Relative to the largest first, so that no sum gets out of range.
        share = kept.strength / largest if largest > 0 else 0.0
        weights[member] = weights.get(member, 0.0) + share
    total = sum(weights.values())
    return {member: weight / total if total else 0.0 for member, weight in sorted(weights.items())}


@dataclass(frozen=True)
class Overlap:
    """What two sets of members have in common."""

    n_first: int
    n_second: int
    n_shared: int
    weighted: float | None  # the weighted Jaccard index; None where no member of either has a weight

    @property
    def jaccard(self) -> float | None:
        """The Jaccard index; None for two empty sets."""
        return jaccard(self.n_shared, self.n_first, self.n_second)

    @property
    def of_first(self) -> float | None:
        """The share of the first's members that the second has: recall of the second, precision of the first."""
        return self.n_shared / self.n_first if self.n_first else None

    @property
    def of_second(self) -> float | None:
        """The share of the second's members that the first has: precision of the second, recall of the first."""
        return self.n_shared / self.n_second if self.n_second else None


def jaccard(n_shared: int, n_first: int, n_second: int) -> float | None:
    """Shared members over all members; None if there are none."""
    every = n_first + n_second - n_shared
    return n_shared / every if every else None


def weighted_jaccard(smaller: float, total: float) -> float | None:
    """`smaller` is the sum of the smaller weights, `total` that of all: what is left is the sum of the larger."""
    return smaller / (total - smaller) if total else None


def overlap(first: Mapping[Member, float], second: Mapping[Member, float]) -> Overlap:
    """Of two circuits' members."""
    shared = first.keys() & second.keys()
    smaller = math.fsum(min(first[member], second[member]) for member in shared)
    total = math.fsum([*first.values(), *second.values()])
    return Overlap(len(first), len(second), len(shared), weighted_jaccard(smaller, total))
