"""Student's interval of a mean: the textbook's, and as often right as is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import MANY, OF_SKEWED, coverage_if_skewed, mean_of, size_of

SAMPLES = 4000


@pytest.mark.parametrize("n", [2, 7, 40])
def test_it_is_the_textbooks_interval(n: int) -> None:
    x = np.random.default_rng(n).normal(3, 2, n)
    found = mean_of(x)
    low, high = stats.t.interval(0.95, n - 1, x.mean(), stats.sem(x))
    assert (found.value, found.low, found.high) == pytest.approx((x.mean(), low, high))


@pytest.mark.parametrize("n", [5, 8, 50])
def test_of_normal_numbers_nineteen_intervals_of_twenty_hold_the_truth(n: int) -> None:
    rows = np.random.default_rng(n).normal(1, 1, (SAMPLES, n))
    found = [mean_of(row) for row in rows]
    assert np.mean([it.low <= 1 <= it.high for it in found]) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("n", OF_SKEWED)
def test_of_skewed_numbers_as_many_as_is_said(n: int) -> None:
    rows = np.random.default_rng(n).exponential(1, (SAMPLES, n))
    found = [mean_of(row) for row in rows]
    assert np.mean([it.low <= 1 <= it.high for it in found]) == pytest.approx(coverage_if_skewed(n), abs=0.015)


def test_between_two_known_numbers_of_prompts_the_smaller_one_speaks() -> None:
    assert coverage_if_skewed(9) == coverage_if_skewed(8) < coverage_if_skewed(16)
    assert coverage_if_skewed(1) == OF_SKEWED[2] and coverage_if_skewed(10_000) == OF_SKEWED[MANY]


def test_a_constant_and_a_single_number_have_no_width() -> None:
    assert mean_of(np.full(7, 2.5)) == mean_of(np.array([2.5])) == Estimate(2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("signed", "size"),
    [((-3, -4, -1), (3, 1, 4)), ((2, 1, 4), (2, 1, 4)), ((1, -2, 4), (1, 0, 4)), ((-1, -4, 2), (1, 0, 4))],
)
def test_the_size_of_a_signed_number_starts_at_zero_where_its_sign_is_open(
    signed: tuple[float, ...], size: tuple[float, ...]
) -> None:
    assert size_of(Estimate(*signed)) == Estimate(*size)
