"""ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1), exactly, in windows.

Owns the order of visiting and every decision; yields decisions one by one and leaves progress, logging and
files to its caller. An edge is removed if its removal raises the metric by less than tau.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.metrics import Objective
from acdc_custom.engine.propagate import propagate
from acdc_custom.engine.route import Planner
from acdc_custom.engine.state import open_attention, open_mlp, start
from acdc_custom.engine.window import WindowSize, route_cost
from acdc_custom.errors import SearchError
from acdc_custom.graph import LOGITS, Edge, Port, Receiver, Sender, Stage


class Reason(StrEnum):
    """How an edge was decided."""

    EVALUATED = "evaluated"
    SAME = "same"  # clean and corrupted do not differ where the receiver reads: no change is possible
    DEAD = "dead"  # nothing that the receiver feeds has a kept path to the logits: no effect is possible


@dataclass(frozen=True)
class Decision:
    """One edge, decided. `effect` is the metric's increase on removal, given what had been removed before."""

    edge: Edge
    kept: bool
    effect: float
    metric: float  # of the circuit after this decision
    reason: Reason


class Search:
    """One search over all edges of a model.

    Iterate over `decisions()`; `metric`, `evaluations` and `consumers` (the kept edges by sender) are up to
    date after each decision. `window` fixes the number of candidates evaluated at once; by default it adapts.
    """

    def __init__(self, caches: Caches, objective: Objective, tau: float, window: int | None = None) -> None:
        self.caches = caches
        self.graph = caches.model.graph
        self.objective = objective
        self.tau = tau
        self.evaluations = 0
        self.consumers: dict[Sender, list[Receiver]] = {}
        self._extent: dict[Sender, Extent] = {}
        self._state = start(caches)
        self._planner = Planner(caches, self._state, self.consumers)
        self._size = WindowSize(window)
        with torch.no_grad():
            normed = caches.model.weights.final_norm(self._state.logits.input)
            self.metric = self._values(normed, LOGITS)[0]
        self.metric_before = self.metric

    @torch.no_grad()
    def decisions(self) -> Iterator[Decision]:
        """Decide every edge, in order. Raises `SearchError` when the metric is not a number."""
        for receiver in self.graph.receivers:
            self._open(receiver)
            senders = self.caches.visit_order[self.caches.candidates(receiver)]
            extent = self._extent_of(receiver)
            if extent is None:
                for sender in senders:
                    yield Decision(Edge(sender, receiver), False, 0.0, self.metric, Reason.DEAD)
            else:
                yield from self._visit(receiver, senders, extent)

    def _open(self, receiver: Receiver) -> None:
        """On reaching a layer's heads or its MLP: their consumers are final now, so who is alive is known."""
        layer = receiver.layer
        if receiver.stage is Stage.MLP:
            node = Sender(layer, Stage.MLP)
            if self._settle(node):
                self._state.mlp[layer] = open_mlp(self.caches, layer, self._extent[node])
        elif receiver.stage is Stage.HEAD and not self._is_open(layer):
            heads = [Sender(layer, Stage.HEAD, head) for head in range(self.graph.shape.n_heads)]
            live = {node.head: self._extent[node] for node in heads if self._settle(node)}
            if live:
                self._state.attention[layer] = open_attention(self.caches, layer, live)
            self._last_open = layer

    _last_open = -1

    def _is_open(self, layer: int) -> bool:
        return self._last_open == layer

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
        """Decide one receiver's edges: speculate that a whole window goes, keep the first edge that may not."""
        candidates = self.caches.candidates(receiver)
        delta = self.caches.delta[extent][candidates]  # [sender, prompt, pos, d_model]
        moves = self.caches.moves[extent][candidates]
        route = self._planner.route(receiver)
        cost = route_cost(self.caches, route)
        place = 0
        while place < len(senders):
            if not moves[place]:
                yield Decision(Edge(senders[place], receiver), False, 0.0, self.metric, Reason.SAME)
                place += 1
                continue
            window = [p for p in range(place, len(senders)) if moves[p]][: self._size.next(cost)]
            picked = delta[window[0] : window[-1] + 1]
            if len(picked) > len(window):
                picked = delta[torch.tensor(window, device=delta.device)]
            normed, changes = propagate(self.caches, self._state, route, picked.cumsum(0))
            values = self._values(normed, receiver)
            self.evaluations += len(values)
            increases = [after - before for before, after in zip([self.metric, *values], values, strict=False)]
            kept_at = next((j for j, increase in enumerate(increases) if not increase < self.tau), None)
            n_removed = len(window) if kept_at is None else kept_at
            if n_removed:
                for change in changes:
                    change.commit(n_removed - 1)
            removed = {window[j]: j for j in range(n_removed)}
            stop = window[-1] + 1 if kept_at is None else window[kept_at] + 1
            for p in range(place, stop):
                edge = Edge(senders[p], receiver)
                if p in removed:
                    self.metric = values[removed[p]]
                    yield Decision(edge, False, increases[removed[p]], self.metric, Reason.EVALUATED)
                elif kept_at is not None and p == window[kept_at]:
                    self.consumers.setdefault(edge.sender, []).append(receiver)
                    yield Decision(edge, True, increases[kept_at], self.metric, Reason.EVALUATED)
                else:
                    yield Decision(edge, False, 0.0, self.metric, Reason.SAME)
            place = stop
            self._size.note(n_removed, kept=kept_at is not None)

    def _values(self, normed: Tensor, receiver: Receiver) -> list[float]:
        values = self.objective(normed).mean(-1).tolist()
        for value in values:
            if not math.isfinite(value):
                raise SearchError(f"the metric became {value} while edges into {receiver} were removed.")
        return values
