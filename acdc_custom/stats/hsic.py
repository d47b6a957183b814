"""Does one number say anything about another, in whatever way? The Hilbert-Schmidt independence criterion.

Owns the statistic and its permutation test (Gretton et al. 2007, "A kernel statistical test of independence"). Each
side has a Gaussian kernel, as wide as the median distance between two of its values. Plain numpy; knows nothing of
circuits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

SAME = 1e-12  # of two sums of the same numbers in another order, as a share of them


def hsic(one: Numbers, other: Numbers) -> float:
    """The biased estimate `trace(K H L H) / (n - 1)^2` of two samples `[n]`."""
    k, ell = _centred_kernel(one), _centred_kernel(other)
    return float((k * ell).sum()) / max(len(one) - 1, 1) ** 2


def independence_p(one: Numbers, other: Numbers, permutations: int, seed: int) -> float:
    """The p-value of "these are independent": (1 + permutations with as large a statistic) / (1 + permutations)."""
    generator = np.random.default_rng(seed)
    k, ell = _centred_kernel(one), _centred_kernel(other)
    observed = float((k * ell).sum())
    reached = 0
    for _ in range(permutations):
        order = generator.permutation(len(other))
        reached += float((k * ell[np.ix_(order, order)]).sum()) >= observed - SAME * abs(observed)
    return (1 + reached) / (1 + permutations)


def _centred_kernel(x: Numbers) -> Numbers:
    """`H K H`, `[n, n]`; zero for a constant, which nothing can depend on."""
    distances = np.abs(x[:, None] - x[None])
    apart = distances[np.triu_indices(len(x), 1)]
    width = float(np.median(apart[apart > 0])) if (apart > 0).any() else 0.0
    if width == 0:
        return np.zeros_like(distances)
    kernel = np.exp(-(distances**2) / (2 * width**2))
    rows = kernel.mean(0)
    return np.asarray(kernel - rows[:, None] - rows[None] + kernel.mean(), np.float64)
