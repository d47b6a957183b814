"""The interval of a ratio is Fieller's, holds the truth as often as it says, and is absent where it means nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import Numbers
from acdc_custom.stats.ratio import ratio

Draw = Callable[[np.random.Generator, int], tuple[Numbers, Numbers]]

TRUTH = 0.7
SAMPLES, OF_BOOTSTRAP = 2000, 600  # the bootstrap takes longer


def normal(generator: np.random.Generator, n: int) -> tuple[Numbers, Numbers]:
    """Denominators of 4 with a spread of 2, numerators that go along with them."""
    below = generator.normal(4, 2, n)
    return TRUTH * below + generator.normal(0, 1, n), below


def skewed(generator: np.random.Generator, n: int) -> tuple[Numbers, Numbers]:
    """The same moments from exponential distributions: a skewness of 2."""
    below = 2 + generator.exponential(2, n)
    return TRUTH * below + generator.exponential(1, n) - 1, below


def percentile_bootstrap(above: Numbers, below: Numbers, seed: int) -> Estimate:
    """What Fieller's interval takes the place of: 300 draws of as many prompts, with replacement."""
    n = len(above)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=300)
    low, high = np.percentile((counts @ above) / (counts @ below), [2.5, 97.5])
    return Estimate(float(above.mean() / below.mean()), float(low), float(high))


def share_of_hits(found: Sequence[Estimate | None]) -> float:
    """Of the intervals that hold the truth; one that is not defined holds no number."""
    return float(np.mean([it is not None and it.low <= TRUTH <= it.high for it in found]))


# -- coverage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "n", "fieller", "bootstrap"),
    [
        (normal, 8, 0.95, 0.88),
        (normal, 16, 0.95, 0.91),
        (normal, 50, 0.95, 0.93),
        (skewed, 8, 0.90, 0.84),
        (skewed, 16, 0.92, 0.89),
        (skewed, 50, 0.94, 0.93),
    ],
)
def test_so_often_the_interval_holds_the_truth_and_so_often_a_percentile_bootstrap(
    draw: Draw, n: int, fieller: float, bootstrap: float
) -> None:
    generator = np.random.default_rng(n)
    samples = [draw(generator, n) for _ in range(SAMPLES)]
    assert share_of_hits([ratio(*sample) for sample in samples]) == pytest.approx(fieller, abs=0.015)
    resampled = [percentile_bootstrap(*sample, seed) for seed, sample in enumerate(samples[:OF_BOOTSTRAP])]
    assert share_of_hits(resampled) == pytest.approx(bootstrap, abs=0.03)


# -- the formula --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", [normal, skewed])
def test_at_the_ends_of_the_interval_a_paired_t_test_has_a_p_of_5_percent(draw: Draw, seed: int) -> None:
    above, below = draw(np.random.default_rng(seed), 12)
    found = ratio(above, below)
    assert found is not None and found.low < found.value < found.high
    assert found.value == pytest.approx(above.mean() / below.mean())
    for end in (found.low, found.high):
        assert stats.ttest_1samp(above - end * below, 0).pvalue == pytest.approx(0.05, rel=1e-6)
    assert stats.ttest_1samp(above - (found.high + 0.01) * below, 0).pvalue < 0.05, "and less outside"


def test_it_is_not_defined_exactly_where_the_denominators_interval_contains_zero() -> None:
    generator, seen = np.random.default_rng(3), set()
    for shift in np.linspace(-2, 2, 41):
        above, below = generator.normal(1, 1, 10), generator.normal(shift, 1, 10)
        low, high = stats.t.interval(0.95, 9, below.mean(), stats.sem(below))
        assert (ratio(above, below) is None) == (low <= 0 <= high)
        seen.add(bool(low <= 0 <= high))
    assert seen == {True, False}


def test_a_quantity_over_itself_is_one_for_certain() -> None:
    x = np.random.default_rng(0).normal(3, 1, 9)
    assert ratio(x, x) == Estimate(1.0, 1.0, 1.0)


def test_a_multiple_has_no_width_and_a_constant_denominator_gives_the_interval_of_a_mean() -> None:
    x = np.random.default_rng(0).normal(3, 1, 9)
    doubled, over_four = ratio(2 * x, x), ratio(x, np.full(9, 4.0))
    assert doubled is not None and over_four is not None
    assert doubled.high - doubled.low < 1e-9 and doubled.value == pytest.approx(2)
    low, high = stats.t.interval(0.95, 8, x.mean(), stats.sem(x))
    assert (4 * over_four.low, 4 * over_four.high) == pytest.approx((low, high))


def test_units_are_of_no_matter_and_a_negative_denominator_turns_the_interval_round() -> None:
    above, below = normal(np.random.default_rng(1), 10)
    found, scaled, turned = ratio(above, below), ratio(3 * above, 6 * below), ratio(above, -below)
    assert found is not None and scaled is not None and turned is not None
    assert (2 * scaled.low, 2 * scaled.high) == pytest.approx((found.low, found.high))
    assert (-turned.high, -turned.low) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_prompts_define_no_ratio(n: int) -> None:
    assert ratio(np.ones(n), np.ones(n)) is None


def test_nothing_to_divide_by_defines_no_ratio() -> None:
    assert ratio(np.ones(5), np.zeros(5)) is None


def test_numbers_of_other_prompts_are_an_error() -> None:
    with pytest.raises(ValueError, match="4 numerators and 5 denominators"):
        ratio(np.ones(4), np.ones(5))
