"""In which order a search visits receivers, and at each receiver its senders.

The order is part of the result: what has been removed decides what can still be removed. All orders are
reverse topological; they differ in what the algorithm leaves open, the heads of a layer and their inputs.

The original implementation has two modes for the heads of a layer as senders. Its class begins with `reverse`, which is
`Order.ORIGINAL`: heads ascending. Its command line begins with `normal`: heads descending. Receivers are visited alike.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from acdc_custom.choices import Order
from acdc_custom.graph import Edge, Graph, Receiver, Sender

T = TypeVar("T")


@dataclass(frozen=True)
class VisitingOrder:
    """Every receiver, and every sender; a receiver's senders are the last so many of `senders`."""

    receivers: tuple[Receiver, ...]
    senders: tuple[Sender, ...]

    def senders_to(self, graph: Graph, receiver: Receiver, among: Collection[Edge] | None = None) -> tuple[Sender, ...]:
        """The receiver's senders, in the order in which their edges are decided; only those of edges `among` these."""
        senders = self.senders[len(self.senders) - graph.n_senders_before(receiver) :]
        return senders if among is None else tuple(s for s in senders if Edge(s, receiver) in among)


def visiting_order(graph: Graph, order: Order = Order.ORIGINAL, seed: int = 0) -> VisitingOrder:
    """The order of a search. `seed` matters for `Order.RANDOM` alone."""
    rng = random.Random(seed)
    receivers: list[Receiver] = []
    for _, together in groupby(graph.receivers, key=lambda r: (r.layer, r.stage)):
        receivers += _arranged(list(together), order, rng)
    senders: list[Sender] = []
    latest_first = sorted(graph.senders, key=lambda s: (-s.layer, -s.stage, s.head))
    of_senders = Order.REVERSED if order is Order.NORMAL else order
    for _, together_senders in groupby(latest_first, key=lambda s: (s.layer, s.stage)):
        senders += _arranged(list(together_senders), of_senders, rng)
    return VisitingOrder(tuple(receivers), tuple(senders))


def visited_spans(names: Sequence[str], in_positions: bool) -> tuple[str, ...]:
    """The spans at which a receiver's edges are decided, in the order in which they are visited: from the last to the
    first; "" where each edge is decided at all of them at once."""
    return tuple(reversed(names)) if in_positions else ("",)


def _arranged(alike: list[T], order: Order, rng: random.Random) -> list[T]:
    """Nodes that no edge joins, in the order asked for."""
    match order:
        case Order.ORIGINAL | Order.NORMAL:
            return alike
        case Order.REVERSED:
            return alike[::-1]
        case Order.RANDOM:
            return rng.sample(alike, len(alike))
