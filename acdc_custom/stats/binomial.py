"""Exact binomial probabilities, free of SciPy."""

from __future__ import annotations

import math


def probability(k: int, n: int, p: float) -> float:
    """Of k successes in n trials."""
    if p in (0.0, 1.0):
        return float(k == n * p)
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log + k * math.log(p) + (n - k) * math.log1p(-p))


def at_most(k: int, n: int, p: float) -> float:
    """Of k successes or fewer."""
    return min(1.0, math.fsum(probability(i, n, p) for i in range(k + 1)))


def as_far_from_half(k: int, n: int, p: float) -> float:
    """Of a number of successes that is as far from n/2 as k, or further, to either side."""
    distance = abs(2 * k - n)
    return min(1.0, math.fsum(probability(i, n, p) for i in range(n + 1) if abs(2 * i - n) >= distance))
