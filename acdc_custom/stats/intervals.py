"""How sure a number is: the form of an estimate with its interval, and the interval of a share.

Imports nothing heavy until it is asked: options and files know these, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LEVEL = 0.95
FEWEST_DRAWS = 20  # of anything at random: fewer cannot show a p of 0.05


@dataclass(frozen=True)
class Estimate:
    """A number over prompts, with its 95 % interval."""

    value: float
    low: float
    high: float


@cache  # a table of edges asks for the same few counts again and again
def wilson(n_hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `n_hits` of `n` were seen: Wilson's score interval (Wilson 1927).

    Unlike the textbook interval it stays within 0 and 1, and has a width where all or none were hits.
    """
    from scipy.stats import binomtest

    interval = binomtest(n_hits, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)
