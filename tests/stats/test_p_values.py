"""p-values are the probabilities that they stand for: uniform where nothing is to be found, small where much is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from acdc_custom.stats.p_values import as_far_from_half, at_most, centred_kernel, hsic, independence_p, pearson_p

# -- correlation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r", "n", "p"),  # of 3 points 1 - 2 asin|r| / pi; of 4 1 - |r|
    [
        (0.0, 10, 1.0),
        (0.3, 4, 0.7),
        (-0.5, 10, 0.14111328125),
        (0.81, 50, 1.0483368e-12),
        (0.81, 500, 1.6435391e-117),
        (0.5, 3, 2 / 3),
        (-0.9, 3, 0.28713258625741256),
        (1.0, 5, 0.0),
    ],
)
def test_p_values_of_correlations(r: float, n: int, p: float) -> None:
    assert pearson_p(r, n) == pytest.approx(p, rel=1e-7)


def test_without_variation_there_is_no_correlation() -> None:
    assert math.isnan(pearson_p(math.nan, 10)) and math.isnan(pearson_p(0.5, 2))


# -- counts -------------------------------------------------------------------------------------------------


def brute(n: int, p: float, keep: Callable[[int], bool]) -> float:
    """The probability of the numbers of successes that are kept, from the definition."""
    return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if keep(k))


@pytest.mark.parametrize(
    ("k", "n", "p"), [(0, 1, 0.6), (3, 10, 0.9), (10, 10, 0.9), (17, 40, 0.6), (0, 0, 0.6), (250, 500, 0.6)]
)
def test_binomial_tails_are_the_sums_that_they_stand_for(k: int, n: int, p: float) -> None:
    assert at_most(k, n, p) == pytest.approx(brute(n, p, lambda i: i <= k))
    assert as_far_from_half(k, n, p) == pytest.approx(brute(n, p, lambda i: abs(2 * i - n) >= abs(2 * k - n)))


def test_certain_and_impossible_events_have_their_probabilities() -> None:
    assert at_most(2, 3, 1.0) == 0 and at_most(3, 3, 1.0) == 1 and at_most(0, 3, 0.0) == 1


# -- independence -------------------------------------------------------------------------------------------


def test_hsic_of_a_hand_computed_case() -> None:
    # Two pairs: kernels [[1, e], [e, 1]] with e = exp(-1/2); centred [[c, -c], [-c, c]] with c = (1 - e) / 2.
    one, other = centred_kernel(np.array([0.0, 1.0])), centred_kernel(np.array([5.0, 9.0]))
    c = (1 - math.exp(-0.5)) / 2
    assert hsic(one, other) == pytest.approx(4 * c * c)


def test_independent_samples_have_a_uniform_p() -> None:
    generator = np.random.default_rng(3)
    ps = [independence_p(generator.normal(size=25), generator.normal(size=25), 99, seed) for seed in range(300)]
    for bound in (0.05, 0.25, 0.5, 0.75):
        assert abs(np.mean(np.array(ps) <= bound) - bound) < 3 * math.sqrt(bound * (1 - bound) / 300)


def test_dependence_without_correlation_is_found() -> None:
    x = np.random.default_rng(4).normal(size=80)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 0.3
    assert independence_p(x, x**2, 199, seed=0) == 1 / 200


def test_nothing_depends_on_a_constant() -> None:
    x = np.random.default_rng(4).normal(size=30)
    assert independence_p(np.ones(30), x, 99, seed=0) == 1


def test_scale_and_offset_are_of_no_matter_to_independence() -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 40))
    assert independence_p(x, y, 99, 1) == independence_p(1000 * x + 7, y / 1000, 99, 1)
