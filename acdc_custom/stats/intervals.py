"""The little statistics that our figures and tables need, free of torch and of SciPy."""

from __future__ import annotations

import math

STEPS = 2000  # of the integral below; an even number
NORMAL_95 = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


def pearson_p(r: float, n: int) -> float:
    """The two-sided p-value of Pearson's correlation `r` over `n` points, if both sides are normal and independent.

    The exact distribution of r then has a density proportional to `(1 - r^2)^((n - 4) / 2)`; with r = sin t that is
    `cos(t)^(n - 3)`, whose integral is taken from |r| on. nan where r is, or with fewer than three points.
    """
    if math.isnan(r) or n < 3:
        return math.nan
    start = math.asin(min(abs(r), 1.0))
    if n == 3:
        return 1 - start / (math.pi / 2)
    if abs(r) >= 1:
        return 0.0
    power = n - 3
    log_at_start = power * math.log(math.cos(start))
    # What is integrated falls off within a few multiples of this: beyond 40 of them nothing is left.
    scale = 1 / math.sqrt(power) if start == 0 else min(1 / (power * math.tan(start)), 1 / math.sqrt(power))
    end = min(math.pi / 2, start + 40 * scale)
    step = (end - start) / STEPS
    total = 0.0
    for i in range(STEPS + 1):
        height = math.exp(power * math.log(max(math.cos(start + i * step), 1e-300)) - log_at_start)
        total += height * (1 if i in (0, STEPS) else 4 if i % 2 else 2)
    log_whole = 0.5 * math.log(math.pi) + math.lgamma((power + 1) / 2) - math.lgamma(power / 2 + 1)
    return min(1.0, 2 * math.exp(log_at_start - log_whole) * total * step / 3)


def wilson(n_hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `n_hits` of `n` were seen: Wilson's score interval (Wilson 1927).

    Unlike the textbook interval it stays within 0 and 1, and has a width where all or none were hits.
    """
    share, z2 = n_hits / n, NORMAL_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return (0.0 if n_hits == 0 else middle - half), (1.0 if n_hits == n else middle + half)
