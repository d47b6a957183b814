"""Intervals over prompts: as wide as they should be, paired, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from acdc_custom.stats import bootstrap
from acdc_custom.stats.bootstrap import Numbers, estimate, resampled_means


def mean(means: Numbers) -> Numbers:
    return means


def test_the_interval_of_a_mean_is_nearly_the_normal_one() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = estimate(mean, [x], seed=1, resamples=4000)
    half = 1.96 * x.std() / 20
    assert found.value == x.mean()
    assert abs(found.low - (x.mean() - half)) < 0.03
    assert abs(found.high - (x.mean() + half)) < 0.03


def test_nineteen_intervals_of_twenty_hold_the_truth() -> None:
    generator = np.random.default_rng(2)
    hits = 0
    for seed in range(300):
        found = estimate(mean, [generator.normal(1.0, 1.0, 60)], seed, resamples=500)
        hits += found.low <= 1.0 <= found.high
    assert 0.9 <= hits / 300 <= 0.98


def test_a_constant_has_no_interval() -> None:
    found = estimate(mean, [np.full(7, 2.5)], seed=0)
    assert (found.value, found.low, found.high) == (2.5, 2.5, 2.5)


def test_columns_are_drawn_together() -> None:
    x = np.random.default_rng(0).normal(0, 100, 30)
    difference = estimate(lambda one, other: one - other, [x + 1, x], seed=3)
    assert abs(difference.low - 1) < 1e-9 and abs(difference.high - 1) < 1e-9


def test_the_same_seed_gives_the_same_resamples_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(50.0)
    whole = resampled_means([x], seed=4, resamples=100)
    monkeypatch.setattr(bootstrap, "AT_ONCE", 50 * 7)
    assert np.array_equal(whole, resampled_means([x], seed=4, resamples=100))
    assert not np.array_equal(whole, resampled_means([x], seed=5, resamples=100))
