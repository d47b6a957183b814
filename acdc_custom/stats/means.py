"""How sure a mean over prompts is: Student's interval, and how often an interval of few prompts holds the truth.

Owns the formula (Student 1908, "The probable error of a mean"), which is exact for normal numbers however few there
are, and what is left of its 95 % when numbers are skewed.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from acdc_custom.stats.intervals import LEVEL, Estimate

Numbers = NDArray[np.float64]

MANY = 30  # numbers: from here on, an interval of skewed ones is as good as it says, within two points or so
# How often Student's interval of so many exponentially distributed numbers (skewness 2) holds their mean: simulated,
# see `tests/stats/test_means.py`.
OF_SKEWED = {2: 0.91, 5: 0.88, 8: 0.89, 12: 0.90, 16: 0.91, 24: 0.92, MANY: 0.93}


def mean_of(numbers: Numbers) -> Estimate:
    """The mean of numbers `[prompt]` with Student's 95 % interval, which has no width for a single number."""
    value = float(np.mean(numbers))
    n = len(numbers)
    half = t_quantile(n) * float(np.std(numbers, ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return Estimate(value, value - half, value + half)


def size_of(estimate: Estimate) -> Estimate:
    """Of a signed number: from 0 on where its interval holds 0."""
    ends = sorted((abs(estimate.low), abs(estimate.high)))
    return Estimate(abs(estimate.value), 0.0 if estimate.low <= 0 <= estimate.high else ends[0], ends[1])


def coverage_if_skewed(n: int) -> float:
    """The share of 95 % intervals that hold the truth, of `n` numbers that are as skewed as exponential ones."""
    return OF_SKEWED[max((known for known in OF_SKEWED if known <= n), default=min(OF_SKEWED))]


@cache  # the same few numbers of prompts are asked for again and again
def t_quantile(n: int) -> float:
    """How many standard errors the 95 % interval of a mean of `n` numbers reaches to either side."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, n - 1))
