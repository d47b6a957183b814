"""Some of a batch's prompts in a search: all of them, unless memory is short.

Owns what belongs to these prompts alone: their caches, their metric, and the live nodes as they stand on them. All
chunks of a search share its decisions, and so the routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.metrics import Objective
from acdc_custom.engine.propagate import propagate
from acdc_custom.engine.route import Planner, Route
from acdc_custom.engine.rows import add_at
from acdc_custom.engine.spans import ANSWER, Extent
from acdc_custom.engine.state import open_attention, open_mlp, start
from acdc_custom.engine.stopwatch import Stopwatch, TimedStage
from acdc_custom.engine.window import Cost, route_cost
from acdc_custom.graph import Edge, Receiver, Sender


class Removal(NamedTuple):
    """What is removed with an edge: what its sender carries at these spans."""

    place: int  # of the sender
    at: Extent


class Chunk:
    """`consumers` are the kept edges so far, by sender; the search keeps them up to date."""

    def __init__(
        self,
        caches: Caches,
        objective: Objective,
        consumers: Mapping[Sender, Iterable[Edge]],
        watch: Stopwatch,
    ) -> None:
        self.caches = caches
        self.objective = objective
        self._watch = watch
        self._state = start(caches)
        self._planner = Planner(caches, self._state, consumers)
        self._extent: Extent = ANSWER
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
        """Turn to a receiver at these spans, where none of its edges has been removed yet; gives what a window there
        costs."""
        self._extent = extent
        self._route = self._planner.route(receiver, extent)
        self._removed = self.caches.delta.new_zeros(1, self.caches.layout.n_rows(extent), self.caches.delta.shape[-1])
        self._watch.lap(TimedStage.PLANNING)
        return route_cost(self.caches, self._route)

    def evaluate(self, blocks: Sequence[Sequence[Removal]]) -> Tensor:
        """The metric, `[candidate, answer row]`: candidate j without what the first j of these blocks remove, and
        without what has been `remove`d."""
        # Entry 0 of the sums is what has been removed already.
        self._given = torch.cat((self._removed, self._differences(blocks))).cumsum(0)[1:]
        self._watch.lap(TimedStage.INPUTS)
        return self._metric_of_given()

    def evaluate_each(self, places: Sequence[int]) -> Tensor:
        """The metric, `[candidate, answer row]`: candidate j without the edge from the jth of these senders, and with
        every other edge of the visited receiver."""
        self._given = self.caches.delta_at(self._extent)[list(places)]
        self._watch.lap(TimedStage.INPUTS)
        return self._metric_of_given()

    def remove(self, n: int) -> None:
        """The first `n` candidates that were evaluated last are removed, for the evaluations that follow."""
        self._removed = self._given[n - 1 : n]

    def commit(self, removals: Sequence[Removal]) -> None:
        """Remove all this from what the visited receiver reads, at once.

        So the live state depends on the decisions, and not on the windows that led to them.
        """
        given = self.caches.delta.new_zeros(1, self.caches.layout.n_rows(self._extent), self.caches.delta.shape[-1])
        for at, places in _by_extent(removals).items():
            delta = self.caches.delta_at(at)
            chosen = delta.new_zeros(len(delta))
            chosen[places] = 1
            add_at(given, self.caches.layout.where(at, self._extent), torch.einsum("s,srd->rd", chosen, delta)[None])
        propagate(self.caches, self._state, self._route, given, self._watch).commit()
        self._watch.lap(TimedStage.UPDATING)

    def _metric_of_given(self) -> Tensor:
        out = propagate(self.caches, self._state, self._route, self._given, self._watch)
        values = self.objective(out.normed)
        self._watch.lap(TimedStage.OUTPUT)
        return values

    def _differences(self, blocks: Sequence[Sequence[Removal]]) -> Tensor:
        """What each block changes in the input of the visited receiver: `[block, row, d_model]`."""
        if all(len(block) == 1 and block[0].at == self._extent for block in blocks):
            return self.caches.delta_at(self._extent)[[block[0].place for block in blocks]]
        delta = self.caches.delta
        differences = delta.new_zeros(len(blocks), self.caches.layout.n_rows(self._extent), delta.shape[-1])
        for own, block in zip(differences, blocks, strict=True):
            for at, places in _by_extent(block).items():
                add_at(own, self.caches.layout.where(at, self._extent), self.caches.delta_at(at)[places].sum(0))
        return differences


def _by_extent(removals: Sequence[Removal]) -> dict[Extent, list[int]]:
    places: dict[Extent, list[int]] = {}
    for removal in removals:
        places.setdefault(removal.at, []).append(removal.place)
    return places
