"""The picture of a path: thresholds can be read, and the ring is told."""

from __future__ import annotations

import itertools

from matplotlib.text import Text

from acdc_custom.circuit.circuit import TaskPerformance, TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.picture import CHOSEN, draw_path
from acdc_custom.path.plan import PathRequest, Point
from acdc_custom.stats.intervals import Estimate

FOUND = {
    0.1: (65, 0.36), 0.03: (89, 0.52), 0.01: (99, 0.53), 0.003: (108, 0.71), 0.001: (113, 0.76),
    0.0003: (133, 0.877), 0.00037: (125, 0.858), 0.00048: (122, 0.857), 0.00061: (120, 0.842),
}  # fmt: skip


def points() -> list[Point]:
    any_ = TaskPerformance(0.1, 1.0, 0.9)
    found = []
    for threshold, (edges, reached) in FOUND.items():
        outcome = TestOutcome(20, any_, any_, any_, Estimate(reached, reached - 0.1, reached + 0.1))
        start = "0.0003" if threshold in (0.00037, 0.00048, 0.00061) else ""
        found.append(Point(threshold, start, edges, 9, 1.0, 0.1, reached + 0.03, outcome))
    return found


def test_no_threshold_lies_on_another_one_and_the_ring_is_in_the_legend() -> None:
    request = PathRequest("ioi", "demo-4l", SearchSettings(), faithfulness=0.85)
    found = points()
    figure = draw_path(PathRecord(request, tuple(found), True), "t", found[7])
    figure.draw_without_rendering()
    labels = [text for text in figure.main.texts if text.get_text() in {f"{threshold:g}" for threshold in FOUND}]
    assert len(labels) == len(FOUND)
    boxes = [Text.get_window_extent(label) for label in labels]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert [text.get_text() for text in figure.legends[0].get_texts()].count(CHOSEN) == 1


def test_where_nothing_is_chosen_there_is_no_ring() -> None:
    record = PathRecord(PathRequest("ioi", "demo-4l", SearchSettings(), thresholds=(0.01,)), tuple(points()), True)
    assert CHOSEN not in [text.get_text() for text in draw_path(record, "t", None).legends[0].get_texts()]
