"""How alike runs are: the Jaccard index of every two, and its mean with an interval.

Owns the formulas. The interval is a bootstrap over runs (Efron 1979), since the pairs are not independent of each
other: runs are drawn with replacement, and the mean is taken over pairs of different runs among those drawn. A run
paired with itself says nothing of how alike two runs are, and would raise the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acdc_custom.choices import Variation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part, jaccard, members_of

DRAWS = 2000
FEWEST_FOR_AN_INTERVAL = 3  # of two runs there is one pair
SEED = 0  # of the bootstrap: the same runs, the same interval

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Agreement:
    """How alike the runs are that vary the same: the mean Jaccard index of two of them, and its 95 % interval.

    `low` and `high` are None where there are too few runs for one.
    """

    part: Part
    varied: frozenset[Variation]
    n_runs: int
    mean: float
    low: float | None
    high: float | None


def jaccards(circuits: Sequence[Circuit], part: Part) -> Matrix:
    """The Jaccard index of every two circuits `[run, run]`; 1 for two that have no such member at all."""
    members = [set(members_of(circuit, part)) for circuit in circuits]

    def index(first: int, second: int) -> float:
        a, b = members[first], members[second]
        found = jaccard(len(a & b), len(a), len(b))
        return 1.0 if found is None else found

    return tuple(tuple(index(a, b) for b in range(len(members))) for a in range(len(members)))


def agreement(part: Part, varied: frozenset[Variation], matrix: Matrix) -> Agreement:
    """Of two runs or more, whose Jaccard indices are given."""
    indices = np.array(matrix, dtype=np.float64)  # [run, run]
    n = len(indices)
    (mean,) = _means(np.ones((1, n)), indices)
    if n < FEWEST_FOR_AN_INTERVAL:
        return Agreement(part, varied, n, float(mean), None, None)
    rng = np.random.default_rng(SEED)
    times = rng.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)  # [draw, run]
    times = times[(times > 0).sum(1) > 1]  # a single run, drawn n times, has no pairs
    low, high = np.quantile(_means(times, indices), [0.025, 0.975])
    return Agreement(part, varied, n, float(mean), float(low), float(high))


def _means(times: NDArray[np.float64], indices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean index over pairs of different runs, for each draw `[draw]`; `times` is how often each is drawn."""
    others = indices - np.diag(np.diag(indices))
    pairs = times.sum(1) ** 2 - (times**2).sum(1)
    means: NDArray[np.float64] = ((times @ others) * times).sum(1) / pairs
    return means
