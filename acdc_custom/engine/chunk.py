"""Some of a batch's prompts in a search: all of them, unless memory is short.

Owns what belongs to these prompts alone: their caches, their metric, and the live nodes as they stand on them. All
chunks of a search share its decisions, and so the routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.metrics import Objective
from acdc_custom.engine.propagate import propagate
from acdc_custom.engine.route import Planner, Route
from acdc_custom.engine.state import open_attention, open_mlp, start
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.engine.window import Cost, route_cost
from acdc_custom.graph import Receiver, Sender


class Chunk:
    """`consumers` are the kept edges so far, by sender; the search keeps them up to date."""

    def __init__(
        self,
        caches: Caches,
        objective: Objective,
        consumers: Mapping[Sender, Iterable[Receiver]],
        watch: Stopwatch,
    ) -> None:
        self.caches = caches
        self.objective = objective
        self._watch = watch
        self._state = start(caches)
        self._planner = Planner(caches, self._state, consumers)
        self._route = Route()
        self._given = torch.empty(0)
        self._removed = torch.empty(0)

    def metric(self) -> Tensor:
        """Of the circuit as it stands, `[1, answer row]`."""
        return self.objective(self.caches.model.weights.final_norm(self._state.logits.input))

    def open_mlp(self, layer: int, extent: Extent) -> None:
        """A layer's MLP is alive."""
        self._state.mlp[layer] = open_mlp(self.caches, layer, extent)

    def open_attention(self, layer: int, live: dict[int, Extent]) -> None:
        """These of a layer's heads are alive."""
        self._state.attention[layer] = open_attention(self.caches, layer, live)

    def visit(self, receiver: Receiver, extent: Extent) -> Cost:
        """Turn to a receiver, none of whose edges has been removed yet; gives what a window there costs."""
        self._route = self._planner.route(receiver)
        self._removed = torch.zeros_like(self.caches.delta[extent][:1])
        self._watch.lap(TimedStage.PLANNING)
        return route_cost(self.caches, self._route)

    def evaluate(self, blocks: Sequence[Sequence[int]], extent: Extent) -> Tensor:
        """The metric, `[candidate, answer row]`: candidate j without the edges from all senders of the first j of these
        blocks, and without those that have been `remove`d."""
        delta = self.caches.delta[extent]
        if all(len(block) == 1 for block in blocks):
            window = delta[[place for (place,) in blocks]]
        else:
            window = torch.stack([delta[list(block)].sum(0) for block in blocks])  # [candidate, row, d_model]
        # Entry 0 of the sums is what has been removed already.
        self._given = torch.cat((self._removed, window)).cumsum(0)[1:]
        self._watch.lap(TimedStage.INPUTS)
        out = propagate(self.caches, self._state, self._route, self._given, self._watch)
        values = self.objective(out.normed)
        self._watch.lap(TimedStage.OUTPUT)
        return values

    def evaluate_each(self, places: Sequence[int], extent: Extent) -> Tensor:
        """The metric, `[candidate, answer row]`: candidate j without the edge from the jth of these senders, and with
        every other edge of the visited receiver."""
        given = self.caches.delta[extent][places]
        self._watch.lap(TimedStage.INPUTS)
        out = propagate(self.caches, self._state, self._route, given, self._watch)
        values = self.objective(out.normed)
        self._watch.lap(TimedStage.OUTPUT)
        return values

    def remove(self, n: int) -> None:
        """The first `n` candidates that were evaluated last are removed, for the evaluations that follow."""
        self._removed = self._given[n - 1 : n]

    def commit(self, places: Sequence[int], extent: Extent) -> None:
        """Remove the visited receiver's edges from these senders, all at once.

        So the live state depends on the decisions, and not on the windows that led to them.
        """
        delta = self.caches.delta[extent]
        chosen = delta.new_zeros(len(delta))
        chosen[list(places)] = 1
        given = torch.einsum("s,srd->rd", chosen, delta)[None]
        propagate(self.caches, self._state, self._route, given, self._watch).commit()
        self._watch.lap(TimedStage.UPDATING)
