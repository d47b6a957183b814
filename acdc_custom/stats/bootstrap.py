"""How sure a number is that was measured on some prompts: percentile bootstrap over the prompts.

Owns the resampling, which is paired: what is compared is always compared on the same prompts. Every statistic here is a
function of means over prompts, so that a resample is a count of each prompt, and all means are one matrix product.
(SciPy's bootstrap would draw indices, and calls the statistic on each of the resamples.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from acdc_custom.stats.intervals import LEVEL, Estimate

Numbers = NDArray[np.float64]

RESAMPLES = 2000
AT_ONCE = 1 << 22  # numbers of one block of resamples


def resampled_means(columns: Sequence[Numbers], seed: int, resamples: int = RESAMPLES) -> Numbers:
    """Means of columns `[prompt]` over prompts drawn with replacement: `[column, resample]`."""
    table = np.stack(columns)  # [column, prompt]
    n = table.shape[1]
    generator = np.random.default_rng(seed)
    block = max(1, AT_ONCE // n)
    parts = []
    for start in range(0, resamples, block):
        counts = generator.multinomial(n, np.full(n, 1 / n), size=min(block, resamples - start))  # [resample, prompt]
        parts.append(table @ counts.T / n)
    return np.concatenate(parts, axis=1)


def interval(value: float, resampled: Numbers) -> Estimate:
    """A number with the percentile interval of its resamples."""
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))


def estimate(
    statistic: Callable[..., Numbers], columns: Sequence[Numbers], seed: int, resamples: int = RESAMPLES
) -> Estimate:
    """A function of the columns' means, with its interval. It takes one array per column, and works elementwise."""
    value = statistic(*(np.array([column.mean()]) for column in columns))
    return interval(float(value[0]), statistic(*resampled_means(columns, seed, resamples)))
