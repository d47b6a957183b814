"""How much two circuits would share by chance: against random circuits of the same size and the same degrees.

With d draws, p is `(1 + draws that share at least as much) / (1 + d)`, one-sided (Phipson and Smyth 2010), and z is
`(observed - mean) / standard deviation`. Sizes are fixed, so p is the same for precision and recall as for Jaccard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Overlap, Part, members_of, overlap, weighted_jaccard
from acdc_custom.circuit.random_circuits import Codes, NullModel, RandomCircuitSampler
from acdc_custom.progress.protocol import Progress, silent

Numbers = NDArray[np.int64]
SAME = 1e-12  # of two sums of the same weights in another order


@dataclass(frozen=True)
class ChanceComparison:
    """An observed number beside the same of random circuits. `z` is None where these do not vary."""

    observed: float
    mean: float
    sd: float
    z: float | None
    p: float


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

    `on_progress` is told what is drawn, how many draws more are done, and of how many.
    """
    members = {part: [members_of(circuit, part) for circuit in circuits] for part in Part}
    pairs = list(combinations(range(len(circuits)), 2))
    found: dict[tuple[Part, int, int], list[Chance]] = {(part, *pair): [] for part in Part for pair in pairs}
    for number, null in enumerate(NullModel):
        drawers = [
            RandomCircuitSampler(circuit, np.random.default_rng([seed, number, place]))
            for place, circuit in enumerate(circuits)
        ]
        chains = [drawer.rewired() for drawer in drawers]
        drawn: dict[tuple[Part, int, int], list[Overlap]] = {(part, *pair): [] for part in null.parts for pair in pairs}
        for _ in range(draws):
            random = (
                [drawer.shuffled() for drawer in drawers] if null is NullModel.SHUFFLED else [next(c) for c in chains]
            )
            for (part, first, second), overlaps in drawn.items():
                overlaps.append(_overlap(random[first][part], random[second][part]))
            on_progress(f"Random circuits, {null}", 1, draws)
        for (part, first, second), overlaps in drawn.items():
            observed = overlap(members[part][first], members[part][second])
            found[part, first, second].append(
                Chance(
                    null,
                    _against(observed.jaccard, [o.jaccard for o in overlaps]),
                    _against(observed.weighted, [o.weighted for o in overlaps]),
                )
            )
    return {key: tuple(chances) for key, chances in found.items()}


def _overlap(first: Codes, second: Codes) -> Overlap:
    shared, ours, theirs = np.intersect1d(first.members, second.members, assume_unique=True, return_indices=True)
    smaller = float(np.minimum(first.weights[ours], second.weights[theirs]).sum())
    total = float(first.weights.sum() + second.weights.sum())
    return Overlap(len(first.members), len(second.members), len(shared), weighted_jaccard(smaller, total))


def _against(observed: float | None, drawn: Sequence[float | None]) -> ChanceComparison | None:
    values = [value for value in drawn if value is not None]
    if observed is None or not values:
        return None
    mean = math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1))
    reached = sum(value >= observed - SAME for value in values)
    z = (observed - mean) / sd if sd > SAME else None
    return ChanceComparison(observed, mean, sd, z, (1 + reached) / (1 + len(values)))
