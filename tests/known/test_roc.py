"""ROC curves and areas, by hand and against counting."""

from __future__ import annotations

import random

import pytest

from acdc_custom.errors import UsageError
from acdc_custom.known.roc import EVERYTHING, NOTHING, Rates, auc, best_first, rates, roc_curve


def area(*points: tuple[float, float]) -> float:
    return auc(roc_curve(Rates(*point) for point in points))


def test_rates_are_shares_of_the_true_and_of_the_others() -> None:
    assert rates({1, 2, 9}, {1, 2, 3, 4}, range(10)) == Rates(1 / 6, 2 / 4)
    assert rates((), {1}, range(3)) == NOTHING
    assert rates(range(3), {1}, range(3)) == EVERYTHING


@pytest.mark.parametrize("true", [(), (0, 1, 2)], ids=["nothing", "everything"])
def test_without_both_kinds_there_are_no_rates(true: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=f"^{len(true)} of 3 are true: rates need some that are"):
        rates({0}, true, range(3))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], 0.0),  # a method that finds nothing, or everything: the least that it allows
        ([(0.0, 1.0)], 1.0),
        ([(0.0, 0.7)], 0.7),
        ([(0.5, 0.5)], 0.25),
        ([(0.25, 0.25)], 0.25 * 0.75),
        ([(0.25, 0.25), (0.5, 0.5)], 5 / 16),
        ([(0.25, 0.25), (0.75, 0.5)], 4 / 16),
        ([(0.0, 0.5), (0.25, 1.0)], 0.25 * 0.5 + 0.75),
        ([(1.0, 0.9)], 0.0),
    ],
)
def test_the_area_is_that_of_stairs_that_go_right_first(points: list[tuple[float, float]], expected: float) -> None:
    assert area(*points) == expected


def test_a_point_that_another_beats_in_both_rates_is_left_out() -> None:
    curve = roc_curve([Rates(0.2, 0.8), Rates(0.4, 0.6), Rates(0.4, 0.8), Rates(0.2, 0.5)])
    assert curve == (NOTHING, Rates(0.2, 0.5), Rates(0.2, 0.8), Rates(0.4, 0.8), EVERYTHING)


@pytest.mark.parametrize("seed", range(20))
def test_the_area_counts_the_pairs_that_some_point_tells_apart(seed: int) -> None:
    """Thresholds on scores: the share of pairs of a true one and another where the true one scores more."""
    rng = random.Random(seed)
    scores = {item: rng.randrange(6) for item in range(12)}
    true = set(rng.sample(range(12), rng.randint(1, 11)))
    found = [{item for item, score in scores.items() if score >= level} for level in range(7)]
    pairs = [(t, o) for t in true for o in set(range(12)) - true]
    told_apart = sum(scores[t] > scores[o] for t, o in pairs) / len(pairs)
    assert auc(roc_curve(rates(f, true, range(12)) for f in found)) == pytest.approx(told_apart)


def test_what_scores_alike_is_found_together_and_what_scores_too_little_not_at_all() -> None:
    found = best_first({"a": 0.5, "b": 2.0, "c": 0.5, "d": 0.1, "e": 0.0}, lowest=0.1)
    assert found == ((2.0, frozenset("b")), (0.5, frozenset("abc")), (0.1, frozenset("abcd")))
    assert best_first({"a": 0.0}, lowest=0.1) == ()
