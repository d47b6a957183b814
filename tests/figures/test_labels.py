"""Words beside points: none on another, and none on a mark."""

from __future__ import annotations

import itertools

from matplotlib.text import Text

from acdc_custom.figures.labels import label_points
from acdc_custom.figures.theme import Figure, Theme

CROWD = [(1.0, 1.0), (1.01, 1.02), (1.02, 1.0), (1.0, 1.03), (1.03, 1.01)]


def test_no_label_lies_on_another_one_or_on_a_mark() -> None:
    with Theme.LIGHT.applied():
        figure = Figure("", "", 5, 3, Theme.LIGHT)
        axes = figure.subplots()
        axes.plot(*zip(*CROWD, (2, 2), (0, 0), strict=True), "o", ms=4)
        labels = label_points(figure, axes, [(x, y, f"0.00{n}") for n, (x, y) in enumerate(CROWD)], CROWD, 7)
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(label) for label in labels]
    assert [label.get_text() for label in labels] == [f"0.00{n}" for n in range(5)]
    assert len(axes.texts) == 5, "places that were tried leave nothing behind"
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for point, box in itertools.product(CROWD, boxes):
        assert not box.contains(*axes.transData.transform(point))
