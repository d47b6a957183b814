"""ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1), exactly, in windows.

Owns the order of visiting and every decision; yields decisions one by one and leaves progress, logging and
files to its caller. An edge is removed if its removal raises the metric by less than tau.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import compress, pairwise

import torch
from torch import Tensor

from acdc_custom.decision import Decision, Reason
from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.metrics import Objective
from acdc_custom.engine.propagate import propagate
from acdc_custom.engine.route import Planner, Route
from acdc_custom.engine.state import open_attention, open_mlp, start
from acdc_custom.engine.window import WindowSize, route_cost
from acdc_custom.errors import SearchError
from acdc_custom.graph import Edge, Port, Receiver, Sender, Stage
from acdc_custom.visiting import VisitingOrder, visiting_order


class Search:
    """One search over all edges of a model.

    Iterate over `decisions()`; `metric`, `evaluations` and `consumers` (the kept edges by sender) are up to
    date after each decision. `window` fixes the number of candidates evaluated at once; by default it adapts.
    """

    def __init__(
        self,
        caches: Caches,
        objective: Objective,
        tau: float,
        window: int | None = None,
        order: VisitingOrder | None = None,
    ) -> None:
        self.caches = caches
        self.graph = caches.model.graph
        self.order = order or visiting_order(self.graph)
        self.objective = objective
        self.tau = tau
        self.evaluations = 0
        self.consumers: dict[Sender, list[Receiver]] = {}
        self._extent: dict[Sender, Extent] = {}
        self._layers_opened: set[int] = set()
        self._n_visited = 0
        self._state = start(caches)
        self._planner = Planner(caches, self._state, self.consumers)
        self._size = WindowSize(window)
        with torch.no_grad():
            normed = caches.model.weights.final_norm(self._state.logits.input)
            self.metric = self._values(normed)[0]
        if not math.isfinite(self.metric):
            raise SearchError(f"the metric is {self.metric} before any edge is removed. A search needs a number.")
        self.metric_before = self.metric

    @torch.no_grad()
    def decisions(self) -> Iterator[Decision]:
        """Decide every edge, in order. Raises `SearchError` when the metric is not a number."""
        for receiver in self.order.receivers[self._n_visited :]:
            self._open(receiver)
            senders = self.order.senders_to(self.graph, receiver)
            extent = self._extent_of(receiver)
            if extent is None:
                for sender in senders:
                    yield self._decision(Edge(sender, receiver), Reason.DEAD)
            else:
                yield from self._visit(receiver, senders, extent)
            self._n_visited += 1

    @torch.no_grad()
    def replay(self, decisions: Sequence[Decision]) -> int:
        """Take over the decisions of an earlier run, as far as they make up whole receivers; gives their number.

        What is left to decide then comes out as if the run had never been interrupted, to the last bit.
        Raises `SearchError` if they are not decisions of this search.
        """
        taken = 0
        for receiver in self.order.receivers:
            senders = self.order.senders_to(self.graph, receiver)
            of_receiver = decisions[taken : taken + len(senders)]
            if [d.edge for d in of_receiver] != [Edge(s, receiver) for s in senders[: len(of_receiver)]]:
                raise SearchError(f"the journal's edges into {receiver} are not those that this search decides there.")
            if len(of_receiver) < len(senders):
                break
            self._open(receiver)
            self._take_over(receiver, of_receiver)
            taken += len(senders)
            self._n_visited += 1
        return taken

    def _take_over(self, receiver: Receiver, decisions: Sequence[Decision]) -> None:
        extent = self._extent_of(receiver)
        evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
        if extent is not None:
            route = self._planner.route(receiver)
            self._remove(route, extent, [d.edge.sender for d in evaluated if not d.kept])
        for decision in evaluated:
            self._size.note(kept=decision.kept)
            if decision.kept:
                self.consumers.setdefault(decision.edge.sender, []).append(receiver)
        self.metric, self.evaluations = decisions[-1].metric, decisions[-1].evaluations

    def _decision(self, edge: Edge, reason: Reason, *, kept: bool = False, effect: float = 0.0) -> Decision:
        return Decision(edge, kept, effect, self.metric, reason, self.evaluations)

    def _open(self, receiver: Receiver) -> None:
        """On reaching a layer's heads or its MLP: their consumers are final now, so who is alive is known."""
        layer = receiver.layer
        if receiver.stage is Stage.MLP:
            node = Sender(layer, Stage.MLP)
            if self._settle(node):
                self._state.mlp[layer] = open_mlp(self.caches, layer, self._extent[node])
        elif receiver.stage is Stage.HEAD and layer not in self._layers_opened:
            self._layers_opened.add(layer)
            heads = [Sender(layer, Stage.HEAD, head) for head in range(self.graph.shape.n_heads)]
            live = {node.head: self._extent[node] for node in heads if self._settle(node)}
            if live:
                self._state.attention[layer] = open_attention(self.caches, layer, live)

    def _settle(self, node: Sender) -> bool:
        """Work out at which positions a node's output is needed; false if nowhere."""
        needed = [self._extent_of(receiver) for receiver in self.consumers.get(node, ())]
        if not needed:
            return False
        self._extent[node] = max(extent for extent in needed if extent is not None)
        return True

    def _extent_of(self, receiver: Receiver) -> Extent | None:
        """At which positions a receiver is read; None if none of its nodes is alive."""
        if receiver.stage is Stage.LOGITS:
            return Extent.ANSWER
        extents = [self._extent[node] for node in self.graph.nodes_of(receiver) if node in self._extent]
        if not extents:
            return None
        return Extent.CHANGED if receiver.port in (Port.K, Port.V) else extents[0]

    def _visit(self, receiver: Receiver, senders: tuple[Sender, ...], extent: Extent) -> Iterator[Decision]:
        """Decide one receiver's edges."""
        moves = [self.caches.moves[extent][self.graph.index[sender]] for sender in senders]
        route = self._planner.route(receiver)
        outcomes = self._speculate(receiver, route, extent, list(compress(senders, moves)))
        removed = []
        for sender, does_move in zip(senders, moves, strict=True):
            edge = Edge(sender, receiver)
            if not does_move:
                yield self._decision(edge, Reason.SAME)
                continue
            kept, effect = next(outcomes)
            if kept:
                self.consumers.setdefault(sender, []).append(receiver)
            else:
                removed.append(sender)
            yield self._decision(edge, Reason.EVALUATED, kept=kept, effect=effect)
        self._remove(route, extent, removed)

    def _remove(self, route: Route, extent: Extent, senders: Sequence[Sender]) -> None:
        """Remove a receiver's edges from these senders, all at once.

        So the live state depends on the decisions, and not on the windows that led to them.
        """
        if not senders:
            return
        delta = self.caches.delta[extent]
        chosen = delta.new_zeros(len(delta))
        chosen[[self.graph.index[sender] for sender in senders]] = 1
        given = torch.einsum("s,srd->rd", chosen, delta)[None]
        propagate(self.caches, self._state, route, given).commit()

    def _speculate(
        self, receiver: Receiver, route: Route, extent: Extent, senders: Sequence[Sender]
    ) -> Iterator[tuple[bool, float]]:
        """For each sender in order, whether its edge is kept, and its effect.

        Supposes that a whole window is removed, one more with every candidate. The first whose removal costs too
        much is kept, those before it go, and those after it are looked at again without it.
        """
        cost = route_cost(self.caches, route)
        delta = self.caches.delta[extent]  # [sender, row, d_model]
        places = [self.graph.index[sender] for sender in senders]
        removed = torch.zeros_like(delta[:1])
        decided = 0
        while decided < len(places):
            window = delta[places[decided : decided + self._size.next(cost)]]
            # Entry 0 of the sums is what has been removed already.
            given = torch.cat((removed, window)).cumsum(0)[1:]
            values = self._values(propagate(self.caches, self._state, route, given).normed)
            self.evaluations += len(values)
            increases = [after - before for before, after in pairwise([self.metric, *values])]
            n_removed = next((j for j, increase in enumerate(increases) if not increase < self.tau), len(values))
            used = values[: n_removed + 1]
            if not all(map(math.isfinite, used)):
                j = next(j for j, value in enumerate(used) if not math.isfinite(value))
                edge = Edge(senders[decided + j], receiver)
                raise SearchError(f"the metric became {used[j]} when the edge {edge} was removed.")
            if n_removed:
                removed = given[n_removed - 1 : n_removed]
            for value, increase in zip(values[:n_removed], increases[:n_removed], strict=True):
                self.metric = value
                self._size.note(kept=False)
                yield False, increase
            keeps = n_removed < len(values)
            if keeps:
                self._size.note(kept=True)
                yield True, increases[n_removed]
            decided += n_removed + keeps

    def _values(self, normed: Tensor) -> list[float]:
        values: list[float] = self.objective(normed).mean(-1).tolist()
        return values
