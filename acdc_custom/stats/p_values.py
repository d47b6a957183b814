"""How likely a measurement is where there is nothing to find: p-values of a correlation, of counts, of independence.

Owns the one test that SciPy does not have, the Hilbert-Schmidt independence criterion by permutation (Gretton et al.
2007, "A kernel statistical test of independence"): each side has a Gaussian kernel, as wide as the median distance
between two of its values. The rest is SciPy's, which is imported where it is needed: that takes a second.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

SAME = 1e-12  # of two sums of the same numbers in another order, as a share of them


def pearson_p(r: float, n: int) -> float:
    """The two-sided p-value of Pearson's correlation `r` over `n` points, if both sides are normal and independent.

    The distribution of r is then a beta distribution on -1 to 1, whose density is proportional to
    `(1 - r^2)^((n - 4) / 2)`. nan where r is, or with fewer than three points.
    """
    from scipy.stats import beta

    if math.isnan(r) or n < 3:
        return math.nan
    return min(1.0, 2 * float(beta.sf(abs(r), n / 2 - 1, n / 2 - 1, loc=-1, scale=2)))


def at_most(k: int, n: int, p: float) -> float:
    """The probability of k successes or fewer in n trials, of which each succeeds with probability p."""
    from scipy.stats import binom

    return float(binom.cdf(k, n, p))


def as_far_from_half(k: int, n: int, p: float) -> float:
    """The probability of a number of successes that is as far from n/2 as k, or further, to either side."""
    from scipy.stats import binom

    fewer, more = min(k, n - k), max(k, n - k)
    return 1.0 if fewer == more else float(binom.cdf(fewer, n, p) + binom.sf(more - 1, n, p))


def independence_p(one: Numbers, other: Numbers, permutations: int, seed: int) -> float:
    """The p-value of "these are independent": (1 + permutations with as large a statistic) / (1 + permutations)."""
    generator = np.random.default_rng(seed)
    k, ell = centred_kernel(one), centred_kernel(other)
    observed = hsic(k, ell)
    reached = 0
    for _ in range(permutations):
        order = generator.permutation(len(other))
        reached += hsic(k, ell[np.ix_(order, order)]) >= observed - SAME * abs(observed)
    return (1 + reached) / (1 + permutations)


def hsic(k: Numbers, ell: Numbers) -> float:
    """The biased estimate `trace(K H L H) / (n - 1)^2` from the centred kernels `H K H` and `H L H`, each `[n, n]`."""
    return float((k * ell).sum()) / max(len(k) - 1, 1) ** 2


def centred_kernel(x: Numbers) -> Numbers:
    """`H K H`, `[n, n]`; zero for a constant, which nothing can depend on."""
    distances = np.abs(x[:, None] - x[None])
    apart = distances[np.triu_indices(len(x), 1)]
    width = float(np.median(apart[apart > 0])) if (apart > 0).any() else 0.0
    if width == 0:
        return np.zeros_like(distances)
    kernel = np.exp(-(distances**2) / (2 * width**2))
    rows = kernel.mean(0)
    return np.asarray(kernel - rows[:, None] - rows[None] + kernel.mean(), np.float64)
