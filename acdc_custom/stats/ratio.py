"""How sure a ratio of two means is that were measured on the same prompts: Fieller's interval.

Owns the one formula. Fieller (1954, "Some problems in interval estimation", Journal of the Royal Statistical Society B
16, 175-185): the ratios r for which Student's t test does not reject that `mean(numerators) - r mean(denominators)` is
zero. Both means are of the same prompts, so their covariance counts. Where both are normal the interval holds the truth
in 95 % of all cases, however few prompts there are; of skewed numbers and few prompts somewhat more seldom
(`tests/stats/test_ratio.py` shows by how much). A percentile bootstrap of 8 prompts would hold it in 88 %.

Where Student's interval of the denominator's mean contains zero, no bounded set of ratios has that property: the ratio
is not defined there. That is exactly where the leading coefficient below is not positive.
"""

from __future__ import annotations

import math

import numpy as np

from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import Numbers, t_quantile


def ratio(numerators: Numbers, denominators: Numbers) -> Estimate | None:
    """`mean(numerators) / mean(denominators)`, both `[prompt]`, with its 95 % interval by Fieller's theorem.

    None where the ratio is not defined: the 95 % interval of the denominators' mean contains zero, or there are fewer
    than two prompts.
    """
    n = len(denominators)
    if len(numerators) != n:
        raise ValueError(f"{len(numerators)} numerators and {n} denominators are not of the same prompts")
    if n < 2:
        return None
    below = float(np.mean(denominators))
    if below == 0:
        return None
    value = float(np.mean(numerators)) / below
    # With r = value + d, and `left` what a prompt's numerator has beyond value times its denominator (on average
    # nothing), the condition is (d below)^2 <= t^2 / n var(left - d denominators): a quadratic in d.
    left = numerators - value * denominators
    scale = t_quantile(n) ** 2 / n
    (of_left, both), (_, of_below) = (scale * np.cov(left, denominators)).tolist()
    leading = below**2 - of_below
    if leading <= 0:
        return None
    half = math.sqrt(both**2 + leading * of_left)
    return Estimate(value, value + (-both - half) / leading, value + (-both + half) / leading)
