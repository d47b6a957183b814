"""Which search comes next on a path, and which circuit is chosen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acdc_custom.circuit.circuit import TaskPerformance, TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.path.plan import DOWN, UP, PathRequest, Point, Step
from acdc_custom.stats.intervals import Estimate

ANY = TaskPerformance(0.1, 1.0, 0.9)


def request(**options: object) -> PathRequest:
    return PathRequest("ioi", "demo-4l", SearchSettings(), **options)  # type: ignore[arg-type]


def point(step: Step, edges: int, reached: float | None) -> Point:
    faithfulness = None if reached is None else Estimate(reached, reached - 0.1, reached + 0.1)
    return Point(step.threshold, step.start, edges, 9, 1.0, 0.1, 1.0, TestOutcome(20, ANY, ANY, ANY, faithfulness))


def walked(asked: PathRequest, found: Callable[[Step], tuple[int, float | None]]) -> list[Point]:
    """All points, when a step finds so many edges that are so faithful."""
    points: list[Point] = []
    while (step := asked.next_step(points)) is not None:
        points.append(point(step, *found(step)))
    return points


def test_a_path_goes_up_through_its_thresholds_each_from_the_circuit_before() -> None:
    points = walked(request(thresholds=(0.001, 0.01, 0.1)), lambda step: (9, 0.5))
    assert [(p.threshold, p.start) for p in points] == [(0.001, ""), (0.01, "0.001"), (0.1, "0.01")]


def test_a_path_ends_where_no_edge_is_left() -> None:
    points = walked(request(thresholds=(0.001, 0.01, 0.1)), lambda step: (0, None))
    assert [p.threshold for p in points] == [0.001]


def test_for_a_faithfulness_thresholds_go_down_until_it_is_reached_and_up_again_while_it_is() -> None:
    def found(step: Step) -> tuple[int, float]:
        return round(1 / step.threshold), 0.95 if step.threshold <= 0.0165 else 0.5

    asked = request(faithfulness=0.9)
    points = walked(asked, found)
    assert [(p.threshold, p.start) for p in points] == [
        (0.1, ""), (0.03, ""), (0.01, ""), (0.013, "0.01"), (0.016, "0.013"), (0.02, "0.016"),
    ]  # fmt: skip
    chosen = asked.chosen(points)
    assert chosen is not None and chosen.threshold == 0.016, "the smallest that is faithful enough"


def test_the_way_up_ends_below_the_threshold_that_was_not_enough() -> None:
    points = walked(request(faithfulness=0.9), lambda step: (50, 0.95 if step.threshold < 0.03 else 0.1))
    assert len(points) == 3 + len(UP) and max(p.threshold for p in points[3:]) < 0.03


def test_the_largest_threshold_may_be_enough_at_once() -> None:
    points = walked(request(faithfulness=0.9), lambda step: (50, 0.95))
    assert [p.threshold for p in points] == [DOWN[0]]


def test_where_no_circuit_is_faithful_enough_the_nearest_is_chosen() -> None:
    asked = request(faithfulness=0.9)
    points = walked(asked, lambda step: (round(1 / step.threshold), 0.6 if step.threshold == 0.001 else 0.4))
    assert [p.threshold for p in points] == list(DOWN)
    chosen = asked.chosen(points)
    assert chosen is not None and chosen.threshold == 0.001


def test_a_faithfulness_that_is_not_defined_is_none_at_all() -> None:
    asked = request(faithfulness=0.1)
    points = walked(asked, lambda step: (9, None))
    assert len(points) == len(DOWN) and points[0].reached == float("-inf")


@pytest.mark.parametrize("share", [0.0, -0.5, 1.1, float("nan")])
def test_a_faithfulness_is_a_share(share: float) -> None:
    with pytest.raises(UsageError, match="must be over 0 and at most 1"):
        request(faithfulness=share)
