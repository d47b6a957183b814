"""Intervals are those of the literature."""

from __future__ import annotations

from math import sqrt

import pytest

from acdc_custom.stats.intervals import wilson


@pytest.mark.parametrize(
    ("n_hits", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, 857-872, Table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_has_the_published_numbers(n_hits: int, n: int, low: float, high: float) -> None:
    assert wilson(n_hits, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - n_hits, n) == pytest.approx((1 - high, 1 - low), abs=5e-5), "hits and misses change places"


@pytest.mark.parametrize("n", [1, 2, 20, 1000])
def test_wilsons_interval_stays_within_its_range_and_holds_the_share(n: int) -> None:
    for n_hits in range(n + 1):
        low, high = wilson(n_hits, n)
        assert 0 <= low <= n_hits / n <= high <= 1 and high > low


@pytest.mark.parametrize(("n_hits", "n"), [(1, 3), (7, 10), (12, 40), (999, 1000)])
def test_at_the_ends_of_wilsons_interval_the_share_is_196_standard_errors_away(n_hits: int, n: int) -> None:
    for end in wilson(n_hits, n):
        assert abs(n_hits / n - end) == pytest.approx(1.959963984540054 * sqrt(end * (1 - end) / n), abs=1e-12)
