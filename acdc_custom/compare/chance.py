"""How much two circuits would share by chance: against random circuits of the same size and the same degrees.

The mean and the standard deviation are those of all draws, and z is `(observed - mean) / standard deviation`. p counts
every pair of random circuits once, and the two circuits themselves not at all: with d different pairs it is
`(1 + pairs that share at least as much) / (1 + d)`, one-sided (Phipson and Smyth 2010). Where neither circuit has 20
other random circuits, no p could be small, and there is none. Sizes are fixed, so p is the same for precision and
recall as for Jaccard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Overlap, Part, members_of, overlap, weighted_jaccard
from acdc_custom.circuit.random_circuits import Codes, NullModel, RandomCircuitSampler
from acdc_custom.circuit.spans import spans_of_all
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.stats.intervals import FEWEST_DRAWS

Numbers = NDArray[np.int64]
SAME = 1e-12  # of two sums of the same weights in another order


@dataclass(frozen=True)
class ChanceComparison:
    """An observed number beside the same of random circuits. `z` is None where these do not vary, `p` where there are
    too few different ones to tell: see `n_random`."""

    observed: float
    mean: float
    sd: float
    z: float | None
    p: float | None
    n_random: int  # different random circuits, of that of the two that has more of them; itself is none of these


@dataclass(frozen=True)
class Chance:
    """One overlap against one kind of random circuits."""

    null: NullModel
    jaccard: ChanceComparison | None  # None where there is no index: two empty circuits, no effects
    weighted: ChanceComparison | None


def against_chance(
    circuits: Sequence[Circuit], draws: int, seed: int, on_progress: Progress = silent
) -> dict[tuple[Part, int, int], tuple[Chance, ...]]:
    """For each part and each pair of circuits (by their places), its overlap against `draws` random ones of each kind.

    Random circuits of those in positions keep to spans. `on_progress` is told what is drawn, how many draws more are
    done, and of how many.
    """
    members = {part: [members_of(circuit, part) for circuit in circuits] for part in Part}
    pairs = list(combinations(range(len(circuits)), 2))
    spans = [span.name for span in spans_of_all(circuits)]
    found: dict[tuple[Part, int, int], list[Chance]] = {(part, *pair): [] for part in Part for pair in pairs}
    for number, null in enumerate(NullModel):
        drawers = [
            RandomCircuitSampler(circuit, np.random.default_rng([seed, number, place]), spans)
            for place, circuit in enumerate(circuits)
        ]
        chains = [drawer.rewired() for drawer in drawers]
        drawn = {(part, *pair): _Drawn() for part in null.parts for pair in pairs}
        for _ in range(draws):
            random = (
                [drawer.shuffled() for drawer in drawers] if null is NullModel.SHUFFLED else [next(c) for c in chains]
            )
            for (part, first, second), overlaps in drawn.items():
                overlaps.add(random[first][part], random[second][part])
            on_progress(f"Random circuits, {null}", 1, draws)
        for (part, first, second), overlaps in drawn.items():
            own = (drawers[first].own(part), drawers[second].own(part))
            observed = overlap(members[part][first], members[part][second])
            found[part, first, second].append(
                Chance(
                    null,
                    overlaps.against(observed.jaccard, own, lambda both: both.jaccard),
                    overlaps.against(observed.weighted, own, lambda both: both.weighted),
                )
            )
    return {key: tuple(chances) for key, chances in found.items()}


class _Drawn:
    """What random circuits of two circuits share, draw by draw."""

    def __init__(self) -> None:
        self._overlaps: list[Overlap] = []
        self._pairs: list[tuple[bytes, bytes]] = []  # which circuits these are

    def add(self, first: Codes, second: Codes) -> None:
        self._pairs.append((first.key, second.key))
        self._overlaps.append(_overlap(first, second))

    def against(
        self, observed: float | None, own: tuple[Codes, Codes], index: Callable[[Overlap], float | None]
    ) -> ChanceComparison | None:
        """An observed index beside that of the draws; None where there is no such index."""
        values = [value for value in map(index, self._overlaps) if value is not None]
        if observed is None or not values:
            return None
        mean = math.fsum(values) / len(values)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1))
        z = (observed - mean) / sd if sd > SAME else None
        n_random = max(len({pair[side] for pair in self._pairs} - {own[side].key}) for side in (0, 1))
        return ChanceComparison(observed, mean, sd, z, self._p(observed, own, index, n_random), n_random)

    def _p(
        self,
        observed: float,
        own: tuple[Codes, Codes],
        index: Callable[[Overlap], float | None],
        n_random: int,
    ) -> float | None:
        """Over the different pairs, of which the two circuits themselves are the one that is added."""
        if n_random < FEWEST_DRAWS:
            return None
        different = dict(zip(self._pairs, map(index, self._overlaps), strict=True))
        different.pop((own[0].key, own[1].key), None)
        values = [value for value in different.values() if value is not None]
        return (1 + sum(value >= observed - SAME for value in values)) / (1 + len(values))


def _overlap(first: Codes, second: Codes) -> Overlap:
    shared, ours, theirs = np.intersect1d(first.members, second.members, assume_unique=True, return_indices=True)
    smaller = float(np.minimum(first.weights[ours], second.weights[theirs]).sum())
    total = float(first.weights.sum() + second.weights.sum())
    return Overlap(len(first.members), len(second.members), len(shared), weighted_jaccard(smaller, total))
