"""How many candidates to evaluate at once.

Owns the trade between two wastes: a small window pays a route's fixed cost often, a large one computes
candidates in vain after an edge that is kept. Depends on sizes and past decisions only, never on the clock, so
that a search always evaluates the same windows. The size never changes what is decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.footprint import out_of_memory
from acdc_custom.engine.route import MlpStep, Route
from acdc_custom.engine.spans import ANSWER
from acdc_custom.errors import SearchError

LARGEST = 256
FORGET = 0.99  # weight of the past, per candidate, in the share of edges that are kept


@dataclass(frozen=True)
class FixedCost:
    """What a window costs besides its candidates, in the multiplications that a device makes in that time."""

    step: float  # of one step: some 25 small operations
    weight: float  # of reading one weight from memory


# A CPU: 25 billion multiplications a second, 10 microseconds an operation, 12 GB a second. A GPU: 5,000 billion, 8
# microseconds until an operation is under way, 2,000 GB a second.
ON_CPU = FixedCost(6e6, 8)
ON_GPU = FixedCost(1e9, 10)


def fixed_cost(device: torch.device) -> FixedCost:
    """Of windows on a device."""
    return ON_GPU if device.type == "cuda" else ON_CPU


@dataclass(frozen=True)
class Cost:
    """What a window costs: in multiplications or their equivalent, and in bytes."""

    fixed: float
    per_candidate: float
    bytes_per_candidate: float

    @classmethod
    def of_chunks(cls, costs: Sequence[Cost]) -> Cost:
        """Of chunks that are run one after the other."""
        return cls(
            sum(cost.fixed for cost in costs),
            sum(cost.per_candidate for cost in costs),
            max(cost.bytes_per_candidate for cost in costs),
        )


def route_cost(caches: Caches, route: Route) -> Cost:
    """From the sizes of the matrix products along a route, and of what they leave behind."""
    weights, n_keys = caches.model.weights, caches.tokens.clean.shape[1]
    vocab, d_model = weights.unembedding.shape
    d_head = weights.blocks[0].attention.out.shape[1]
    n_rows = caches.layout.n_rows
    n_read = n_rows(ANSWER)
    work, read = n_read * vocab * d_model, vocab * d_model
    numbers = n_read * vocab * (1 if weights.logit_soft_cap is None else 3)  # see KlOfCappedLogits
    for step in route.steps:
        if isinstance(step, MlpStep):
            mlp = weights.blocks[step.layer].mlp
            assert mlp is not None
            n, d_mlp = n_rows(step.feed.extent), mlp.weight_in.shape[1]
            n_weights = d_model * d_mlp * (2 if mlp.weight_gate is None else 3)
            work += n * n_weights
            read += n_weights
            numbers += n * (4 * d_model + 3 * d_mlp)
            continue
        for feed in step.feeds:
            n = n_rows(feed.extent) * len(feed.entries)
            work += n * d_model * d_head
            numbers += n * (3 * d_model + d_head)
        for group in step.groups:
            n = n_rows(group.extent) * len(group.entries)
            work += n * d_head * (d_model + 2 * n_keys)
            numbers += n * (2 * d_model + n_keys)
    of_device = fixed_cost(caches.model.device)
    fixed = of_device.step * (2 + len(route.steps)) + of_device.weight * read
    return Cost(fixed, work, numbers * weights.unembedding.element_size())


class WindowSize:
    """The next window's size: fixed, or the best for the share of edges kept of late; `memory` bytes at most."""

    def __init__(self, fixed: int | None, memory: int) -> None:
        self.fixed = fixed
        self.memory = memory
        self.largest = LARGEST if fixed is None else fixed
        self.forget()

    def next(self, cost: Cost) -> int:
        """The size for a window of this cost.

        With a share p of candidates kept, a window of K gets about K - p K^2 / 2 ahead and costs
        `fixed + K per_candidate`; the best K is near sqrt(2 fixed / (p per_candidate)).
        """
        share = self._kept / self._decided
        best: float = (2 * cost.fixed / (share * cost.per_candidate)) ** 0.5
        wanted = self.fixed or round(best)
        return max(1, min(wanted, self._most(cost)))

    def without_waste(self, cost: Cost) -> int:
        """The size where no candidate is computed in vain: the fixed cost is a tenth of the rest then. Larger windows
        gain little, and leave the processor's cache."""
        wanted = self.fixed or math.ceil(10 * cost.fixed / cost.per_candidate)
        return max(1, min(wanted, self._most(cost)))

    def _most(self, cost: Cost) -> int:
        return min(self.largest, int(self.memory / cost.bytes_per_candidate))

    def shrink(self, size: int, error: Exception) -> None:
        """A window of this size did not fit in memory: take half of it from now on. Raises what is no matter of
        memory, and `SearchError` where nothing smaller is left."""
        if not out_of_memory(error):
            raise error
        if size == 1:
            raise SearchError(
                "out of memory, even with one candidate at a time. Use fewer prompts (--n), or a smaller "
                "--memory-limit, which takes the prompts in smaller chunks."
            ) from error
        self.largest = size // 2

    def forget(self) -> None:
        """Begin anew, as if nothing had been decided; what did not fit in memory stays known."""
        self._kept, self._decided = 1.0, 10.0

    def note(self, *, kept: bool) -> None:
        """Learn from one decision."""
        self._kept = self._kept * FORGET + kept
        self._decided = self._decided * FORGET + 1
