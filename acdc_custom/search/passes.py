"""A search in passes: over all edges or those of a circuit, and, to refine, again over what is left until nothing goes.

Owns from which edges a pass starts, and when there is another one. A pass that starts from a circuit tests its edges
only, and every node is as it stands inside it; otherwise it is a search like any other. The effects with which edges
were kept are its hints. After a pass that removes nothing, no edge can go for less than the threshold: each was tested
at the very circuit that is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.graph import Edge, Graph
from acdc_custom.search.method import Batch, Decider, DecidingMethod
from acdc_custom.search.order import visiting_order

if TYPE_CHECKING:
    from acdc_custom.engine.circuits import CircuitRunner

Effects = Mapping[Edge, float]  # of the edges that a pass starts from


class Passes:
    """A `Decider` whose decisions are those of one pass, or of several: an edge's last decision counts.

    `start` are the edges that it starts from, with hints of how much each matters; None: all of the model's.
    """

    def __init__(
        self, method: DecidingMethod, batch: Batch, settings: SearchSettings, window_bytes: int, start: Effects | None
    ) -> None:
        self._method, self._batch, self._settings, self._window_bytes = method, batch, settings, window_bytes
        self._runners: list[CircuitRunner] = []
        self._before: dict[str, float] = {}  # seconds of earlier passes
        self._evaluations = 0
        self._begin(start)
        self.metric_before = self._search.metric_before

    def _begin(self, start: Effects | None) -> None:
        self._start = start
        self._kept: dict[Edge, float] = {}
        batch = self._batch
        if start is not None:
            from acdc_custom.engine.circuits import CircuitRunner

            self._runners = self._runners or [CircuitRunner(caches) for caches, _ in batch]
            inside = [runner.inside(start) for runner in self._runners]
            batch = [(caches, objective) for caches, (_, objective) in zip(inside, batch, strict=True)]
        hint = start
        if hint is None:
            chunks = [caches for caches, _ in batch]
            hint = self._method.hint_in_positions(chunks) if self._settings.positions else self._method.hint(chunks)
        self._search: Decider = self._method.start(batch, self._settings, self._window_bytes, hint, start)

    @property
    def metric(self) -> float:
        """Of the circuit so far."""
        return self._search.metric

    @property
    def evaluations(self) -> int:
        """So far, in all passes."""
        return self._evaluations + self._search.evaluations

    @property
    def seconds(self) -> Mapping[str, float]:
        """Where the time went, by stage."""
        stages = [*dict.fromkeys([*self._before, *self._search.seconds])]
        return {stage: self._before.get(stage, 0.0) + self._search.seconds.get(stage, 0.0) for stage in stages}

    def decisions(self) -> Iterator[Decision]:
        """Decide what is left to decide, pass after pass."""
        while True:
            for decision in self._search.decisions():
                self._note(decision)
                yield self._counted(decision)
            if not self._goes_on():
                return

    def replay(self, decisions: Sequence[Decision]) -> int:
        """Take over decisions of an interrupted search, whole receivers of whole and of begun passes."""
        taken = 0
        while True:
            n_before = self._evaluations
            own = [_less(decision, n_before) for decision in decisions[taken:]]
            of_pass = self._search.replay(own)
            for decision in own[:of_pass]:
                self._note(decision)
            taken += of_pass
            if not self._search.finished or taken >= len(decisions) or not self._goes_on():
                return taken

    def _note(self, decision: Decision) -> None:
        if decision.kept:
            self._kept[decision.edge] = decision.effect

    def _counted(self, decision: Decision) -> Decision:
        return _less(decision, -self._evaluations)

    @property
    def finished(self) -> bool:
        """Whether the pass has decided every edge."""
        return self._search.finished

    @property
    def _n_edges(self) -> int:
        """Of the pass; in positions, an edge at every span."""
        if self._start is not None:
            return len(self._start)
        caches, _ = self._batch[0]
        graph = caches.model.graph
        return graph.n_edges_in(len(caches.spans.names)) if self._settings.positions else graph.n_edges

    def _goes_on(self) -> bool:
        """Begin another pass, if there is to be one."""
        if not wants_another(self._settings, len(self._kept), self._n_edges):
            return False
        self._before = dict(self.seconds)
        self._evaluations = self.evaluations
        self._begin(self._kept)
        return True


def wants_another(settings: SearchSettings, n_kept: int, n_tested: int) -> bool:
    """Whether a pass is followed by another one."""
    return settings.refine and 0 < n_kept < n_tested


def whole_receivers(
    decisions: Sequence[Decision], graph: Graph, settings: SearchSettings, start: Collection[Edge] | None
) -> int:
    """How many decisions of an interrupted search make up whole receivers, of all its passes."""
    if settings.positions:
        return _before_the_last(decisions)
    order = visiting_order(graph, settings.order, settings.order_seed)
    taken, among = 0, start
    while True:
        begun = taken
        for receiver in order.receivers:
            n_edges = len(order.senders_to(graph, receiver, among))
            if taken + n_edges > len(decisions):
                return taken
            taken += n_edges
        kept = [decision.edge for decision in decisions[begun:taken] if decision.kept]
        if not wants_another(settings, len(kept), taken - begun):
            return taken
        among = frozenset(kept)


def _before_the_last(decisions: Sequence[Decision]) -> int:
    """How many decisions come before those of the last receiver. In positions, how many a receiver has depends on where
    it is read: the last may have more than are there."""
    taken = len(decisions)
    while taken and decisions[taken - 1].edge.receiver == decisions[-1].edge.receiver:
        taken -= 1
    return taken


def _less(decision: Decision, evaluations: int) -> Decision:
    """The same decision, so many evaluations earlier."""
    return replace(decision, evaluations=decision.evaluations - evaluations) if evaluations else decision
