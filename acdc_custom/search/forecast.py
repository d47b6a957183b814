"""How long a search has yet to go, told from what has been decided so far.

Owns the one law that says so. A search spends its time on evaluations, and an evaluation is the dearer the further its
receiver is from the logits, since all live nodes between are computed anew: in a straight line, by the layers between.
How many evaluations a receiver takes, the method says; a dead one takes none. So the time that is left is the sum, over
the receivers that are left, of the chance that it is alive, its evaluations, and the time of one at its depth. The line
is fitted to the times so far; before there are any it is a *pace* that somebody has measured.

Knows no clock and no tensors: whoever notes a decision says what time it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.graph import Edge, Graph, Receiver, Sender, Stage
from acdc_custom.search.order import VisitingOrder

ALIVE = 0.35  # share of the edges whose receivers are alive, before any search has shown it
RISE = 8.0  # times that of one at the logits, which an evaluation below the first layer takes, if nobody has measured
WORTH = 0.1  # of a whole search: so much counts what was known before, beside what the search has shown

Evaluations = Callable[[int], float]  # that a live receiver of so many edges takes


@dataclass(frozen=True)
class Pace:
    """Seconds per evaluation at the logits, and below the first layer; and before the first evaluation."""

    near: float
    far: float
    before: float = 0.0


class Forecast:
    """The time that is left of a pass over a graph's edges, or over those `among` them.

    `evaluations` is the method's; `at_spans` is at how many spans each edge is decided. Note every decision; a search
    that begins another pass is `again` over what it has kept.
    """

    def __init__(
        self,
        graph: Graph,
        order: VisitingOrder,
        evaluations: Evaluations,
        pace: Pace | None = None,
        among: Collection[Edge] | None = None,
        at_spans: int = 1,
    ) -> None:
        self._graph, self._order, self._evaluations, self._at_spans = graph, order, evaluations, at_spans
        self._pace = pace
        self._bottom = 2 * graph.shape.n_layers + 1
        self._spent: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])  # by depth: evaluations, seconds
        self._last: float | None = None
        self._counted = 0  # evaluations in the whole search, when they were counted last
        self.again(among)

    def again(self, among: Collection[Edge] | None) -> None:
        """A pass begins, over these edges. What evaluations take is remembered."""
        self._n_edges = self._edges_of(among)
        self._left = {receiver: n for receiver, n in self._n_edges.items() if n}
        self._live: set[Sender] = set()  # nodes with a kept edge so far
        self._receiver: Receiver | None = None
        self._undecided = 0  # edges of the receiver that is visited, at all spans
        self._is_alive = True
        self._alive = ALIVE if among is None else 1.0  # in a circuit every node is
        self._seen = [0.0, 0.0]  # edges of visited receivers but the logits, and how many of them were alive
        self._made = [0.0, 0.0]  # evaluations at visited live receivers: made, and expected
        whole = sum(map(self._evaluations, self._left.values())) * self._at_spans
        self._worth = WORTH * max(whole, 1.0)
        self._edges_worth = WORTH * sum(self._left.values())

    def _edges_of(self, among: Collection[Edge] | None) -> dict[Receiver, int]:
        if among is None:
            return {receiver: self._graph.n_senders_before(receiver) for receiver in self._order.receivers}
        n_edges = dict.fromkeys(self._order.receivers, 0)
        for edge in {edge.merged for edge in among}:
            n_edges[edge.receiver] += 1
        return n_edges

    def depth(self, receiver: Receiver) -> int:
        """How many layers lie between a receiver and the logits, attention and MLP counted apart."""
        if receiver.stage is Stage.LOGITS:
            return 0
        return 2 * (self._graph.shape.n_layers - receiver.layer) - (receiver.stage is Stage.MLP)

    def note(self, decision: Decision, now: float | None = None) -> None:
        """An edge has been decided, at this time in seconds; None: in a run before, nobody knows when."""
        receiver = decision.edge.receiver
        if receiver != self._receiver:
            self._visit(receiver)
        self._undecided -= 1
        self._is_alive |= decision.reason is not Reason.DEAD
        if decision.kept:
            self._live.add(decision.edge.sender)
        made, self._counted = decision.evaluations - self._counted, decision.evaluations
        self._made[0] += made
        if now is not None:
            # What came before the first decision is not known to be evaluations: the search had to be set up.
            if self._last is not None:
                spent = self._spent[self.depth(receiver)]
                spent[0] += made
                spent[1] += now - self._last
            self._last = now

    def _visit(self, receiver: Receiver) -> None:
        """Turn to the next receiver; the one before has been decided."""
        self._close()
        self._receiver, self._is_alive = receiver, False
        n = self._left.pop(receiver, 0)
        self._undecided = n * self._at_spans

    def _close(self) -> None:
        if self._receiver is None:
            return
        n = self._n_edges[self._receiver]
        if self._is_alive:
            self._made[1] += self._expected(n)
        if self._receiver.stage is not Stage.LOGITS:
            self._seen[0] += n
            self._seen[1] += n * self._is_alive

    def _expected(self, n_edges: float) -> float:
        return self._evaluations(round(n_edges)) * self._at_spans

    @property
    def seconds(self) -> float:
        """That the rest of the pass takes, zero if nothing is known yet."""
        line = self._line()
        if line is None:
            return 0.0
        started = self._last is not None
        before = 0.0 if started or self._pace is None else self._pace.before
        more = (self._made[0] + self._worth) / (self._made[1] + self._of_current() + self._worth)
        return before + more * sum(n * (line[0] + line[1] * depth) for depth, n in self._to_make())

    def _of_current(self) -> float:
        """Evaluations that were to be expected so far at the receiver that is visited."""
        if self._receiver is None or not self._is_alive:
            return 0.0
        n = self._n_edges[self._receiver]
        return self._expected(n) * (1 - max(self._undecided, 0) / max(n * self._at_spans, 1))

    def _to_make(self) -> Sequence[tuple[int, float]]:
        """The evaluations that are left, by depth."""
        known: dict[int, float] = defaultdict(float)  # at receivers of nodes that are alive already
        whole: dict[int, float] = defaultdict(float)
        for receiver, n in self._left.items():
            depth, its = self.depth(receiver), self._expected(n)
            whole[depth] += its
            nodes = self._graph.nodes_of(receiver)
            known[depth] += its * (not nodes or any(node in self._live for node in nodes))
        alive = (self._seen[1] + self._alive * self._edges_worth) / (self._seen[0] + self._edges_worth)
        to_make = {depth: max(known[depth], alive * its) for depth, its in whole.items()}
        if self._receiver is not None and self._is_alive:
            depth = self.depth(self._receiver)
            rest = self._expected(self._n_edges[self._receiver]) - self._of_current()
            to_make[depth] = to_make.get(depth, 0.0) + rest
        return list(to_make.items())

    def _line(self) -> tuple[float, float] | None:
        """Seconds per evaluation at depth 0, and what each depth adds. None: no evaluation has been timed."""
        spent = [(depth, n, seconds) for depth, (n, seconds) in self._spent.items() if n]
        if self._pace is not None:
            near, far, worth = self._pace.near, self._pace.far, self._worth
            as_measured = sum(n * (near + (far - near) * depth / self._bottom) for depth, n, _ in spent) + worth * near
            # Where the search is slower than the windows were, so it will be further down.
            slower = (sum(seconds for *_, seconds in spent) + worth * near) / as_measured
            spent += [(0, worth, worth * slower * near), (self._bottom, worth, worth * slower * far)]
        if not spent:
            return None
        depths, n, seconds = (np.array(column, dtype=float) for column in zip(*spent, strict=True))
        if len(set(depths)) == 1:
            near = seconds.sum() / n.sum() / (1 + (RISE - 1) * depths[0] / self._bottom)
            return near, near * (RISE - 1) / self._bottom
        middle = np.average(depths, weights=n)
        mean = seconds.sum() / n.sum()
        rise = ((depths - middle) * (seconds - n * mean)).sum() / (n * (depths - middle) ** 2).sum()
        rise = max(rise, 0.0)  # a search gets no faster on its way down
        near = mean - rise * middle
        return (near, rise) if near > 0 else (0.0, mean / middle)
