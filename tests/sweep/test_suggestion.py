"""The threshold that is suggested, and the honesty of suggesting none."""

from __future__ import annotations

from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.sweep.curve import Curve, Point
from acdc_custom.sweep.suggestion import Rule, suggest

MODEL = TaskPerformance(0.0, 4.0, 1.0)
EMPTY, FULL = Point(0, 5.0, 0.0, 0.0), Point(1000, 0.0, 4.0, 1.0)


def curve(*points: tuple[float, int, float, float], empty: Point = EMPTY) -> Curve:
    """From threshold, edges, KL and recovered share."""
    return Curve("acdc", empty, FULL, tuple(Point(n, kl, 4 * share, share, tau) for tau, n, kl, share in points))


def test_the_smallest_circuit_that_does_what_the_model_does_is_suggested() -> None:
    found = suggest(curve((0.1, 10, 3.0, 0.5), (0.05, 20, 1.0, 0.92), (0.01, 60, 0.3, 0.99)), MODEL, "nats")
    assert found.rule is Rule.RECOVERS and found.point is not None and found.point.threshold == 0.05
    assert "0.05 nats (20 of 1,000 edges, 2.0%; KL 1 nats)" in found.why and "92%" in found.why
    assert "larger" not in found.why


def test_a_circuit_that_overshoots_the_model_is_not_suggested() -> None:
    found = suggest(curve((0.1, 10, 4.0, 3.1), (0.05, 20, 1.0, 1.3), (0.01, 60, 0.3, 1.05)), MODEL, "nats")
    assert found.point is not None and found.point.threshold == 0.01


def test_a_circuit_that_another_one_beats_is_not_suggested() -> None:
    found = suggest(curve((0.1, 20, 1.0, 0.95), (0.05, 20, 0.9, 0.95)), MODEL, "nats")
    assert found.point is not None and found.point.threshold == 0.05


def test_at_the_end_of_the_sweep_it_is_said_that_no_larger_threshold_was_tried() -> None:
    assert "No larger threshold was tried" in suggest(curve((0.1, 20, 1.0, 0.95)), MODEL, "nats").why


def test_without_such_a_circuit_the_bend_of_the_curve_decides() -> None:
    found = suggest(curve((0.1, 10, 4.0, 0.2), (0.05, 100, 0.4, 0.8), (0.01, 900, 0.1, 0.85)), MODEL, "logits")
    assert found.rule is Rule.KNEE and found.point is not None and found.point.threshold == 0.05
    assert found.why.startswith("no circuit of the sweep recovers between 90% and 110%") and "0.05 logits" in found.why


def test_nothing_is_suggested_where_the_model_does_not_do_the_task() -> None:
    found = suggest(curve((0.1, 20, 1.0, 0.95)), TaskPerformance(0.0, -0.5, 0.3), "nats")
    assert found.rule is Rule.NONE and found.point is None and "logit difference -0.50" in found.why


def test_nothing_is_suggested_where_no_circuit_recovers_half() -> None:
    found = suggest(curve((0.1, 10, 4.0, 0.2), (0.05, 100, 0.4, 0.3), (0.01, 200, 0.1, 0.4)), MODEL, "nats")
    assert found.rule is Rule.NONE and "the best 40%" in found.why
    assert suggest(curve(), MODEL, "nats").rule is Rule.NONE


def test_a_logit_difference_that_survives_without_edges_does_not_decide() -> None:
    empty = Point(0, 5.0, 3.9, 0.0)
    points = ((0.1, 10, 4.0, 0.95), (0.05, 100, 0.4, 0.2), (0.01, 1000, 0.0, 1.0))
    found = suggest(curve(*points, empty=empty), MODEL, "nats")
    assert found.rule is Rule.KNEE and found.point is not None and found.point.threshold == 0.05
    assert "hardly falls" in found.why


def test_too_few_points_for_a_bend_are_said_to_be_too_few() -> None:
    found = suggest(curve((0.1, 10, 4.0, 0.6), (0.05, 100, 0.4, 0.7)), MODEL, "nats")
    assert found.rule is Rule.NONE and "Try more thresholds" in found.why
