"""Areas, fronts and knees of curves that can be worked out on paper."""

from __future__ import annotations

import math

import pytest

from acdc_custom.sweep.curve import SHARES, Curve, Point, front, knee

EMPTY, FULL = Point(0, 5.0, 0.0, 0.0), Point(1000, 0.0, 4.0, 1.0)


def point(n_edges: int, recovered: float, kl: float = 1.0, threshold: float = 0.01) -> Point:
    return Point(n_edges, kl, 4 * recovered, recovered, threshold)


def curve(*points: Point) -> Curve:
    return Curve("acdc", EMPTY, FULL, points)


def test_a_method_that_recovers_all_with_a_thousandth_of_the_edges_has_the_best_areas() -> None:
    best = curve(point(1, 1.0))
    assert best.cpr == pytest.approx(0.999)
    assert best.cmd == pytest.approx(0)


def test_a_method_that_finds_nothing_has_what_the_last_step_gives() -> None:
    """Only the full model recovers anything: a triangle from 0.5 to 1."""
    assert curve().cpr == pytest.approx(0.25)
    assert curve().cmd == pytest.approx(0.999 - 0.25)


def test_areas_are_trapezoids_over_the_share_of_edges() -> None:
    """0 up to 0.05, 0.8 at 0.1 and 0.2, 1.2 at 0.5, 1 at 1."""
    found = curve(point(100, 0.8), point(400, 1.2))
    assert [found.at(share).faithfulness for share in SHARES] == [0, 0, 0, 0, 0, 0, 0.8, 0.8, 1.2, 1]
    assert found.cpr == pytest.approx(0.05 * 0.4 + 0.1 * 0.8 + 0.3 * 1.0 + 0.5 * 1.1)
    assert found.cmd == pytest.approx(0.049 + 0.05 * 0.6 + 0.1 * 0.2 + 0.3 * 0.2 + 0.5 * 0.1)


def test_at_a_share_stands_the_largest_circuit_that_is_small_enough() -> None:
    found = curve(point(10, 0.1), point(20, 0.3, kl=2.0), point(20, 0.2, kl=1.0), point(21, 0.9))
    assert found.at(0.009) == EMPTY
    assert found.at(0.01).faithfulness == 0.1
    assert found.at(0.02).faithfulness == 0.2  # of two that are as large the one of lower KL
    assert found.at(0.0209).faithfulness == 0.2  # 20.9 edges are 20
    assert found.at(1) == FULL


def test_areas_of_a_task_without_anything_to_recover_are_no_numbers() -> None:
    nothing = Curve("acdc", Point(0, 1.0, 2.0, math.nan), Point(100, 0.0, 2.0, math.nan), ())
    assert math.isnan(nothing.cpr) and math.isnan(nothing.cmd)


def test_the_front_has_the_points_that_no_other_one_beats() -> None:
    a, b, c = point(10, 0.1, kl=3.0), point(20, 0.5, kl=2.0), point(40, 0.9, kl=1.0)
    beaten = [point(10, 0.1, kl=3.5), point(20, 0.4, kl=2.5), point(30, 0.9, kl=2.0), point(50, 1.0, kl=1.0)]
    assert curve(*beaten, c, a, b).front == (a, b, c)
    assert front([c, a, b], lambda p: abs(1 - p.faithfulness)) == (a, b, c)
    assert front([], lambda p: p.kl) == ()


def test_the_knee_is_where_the_curve_bends() -> None:
    points = [point(10, 0, kl=4.0), point(100, 0, kl=0.4), point(1000, 0, kl=0.0)]
    assert knee(points) == points[1]


def test_a_straight_line_and_a_hump_have_no_knee() -> None:
    assert knee([point(10, 0, kl=4.0), point(100, 0, kl=2.0), point(1000, 0, kl=0.0)]) is None
    assert knee([point(10, 0, kl=4.0), point(100, 0, kl=3.5), point(1000, 0, kl=0.0)]) is None
    assert knee([point(0, 0, kl=9.0), point(10, 0, kl=4.0), point(100, 0, kl=1.0)]) is None
