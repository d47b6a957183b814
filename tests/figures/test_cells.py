"""Cells are shapes: where they should be, in the colours of their numbers, and few."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch

from acdc_custom.figures.cells import STEPS, colour_bar, draw_cells
from acdc_custom.figures.theme import SEQUENTIAL, Figure, Theme

VALUES = np.array([[0.0, 0.0, 1.0], [np.nan, 0.5, 1.0]])


def drawn(values: np.ndarray) -> Figure:
    figure = Figure("", "", 4, 4, Theme.LIGHT)
    axes = figure.subplots()
    colour_bar(figure, draw_cells(axes, values, SEQUENTIAL, 0, 1), axes)
    return figure


def shapes(figure: Figure) -> dict[str, list[tuple[float, float, float, float]]]:
    """By colour: left, right, top, bottom of each box."""
    found = {}
    for patch in figure.main.patches:
        assert isinstance(patch, PathPatch)
        corners = np.asarray(patch.get_path().vertices).reshape(-1, 5, 2)
        found[to_hex(patch.get_facecolor())] = [
            (*box[:, 0][[0, 1]].tolist(), *box[:, 1][[0, 2]].tolist()) for box in corners
        ]
    return found


def test_cells_of_one_colour_beside_each_other_are_one_box_and_empty_cells_are_none() -> None:
    palette = matplotlib.colormaps[SEQUENTIAL].resampled(STEPS)
    low, middle, high = (to_hex(palette(step)) for step in (0, STEPS // 2, STEPS - 1))
    assert shapes(drawn(VALUES)) == {
        low: [(-0.5, 1.5, -0.5, 0.5)],
        middle: [(0.5, 1.5, 0.5, 1.5)],
        high: [(1.5, 2.5, -0.5, 0.5), (1.5, 2.5, 0.5, 1.5)],
    }


def test_numbers_beyond_the_scale_have_the_colours_of_its_ends() -> None:
    assert shapes(drawn(np.array([[-3.0, 7.0]]))).keys() == shapes(drawn(np.array([[0.0, 1.0]]))).keys()


def test_a_pattern_of_thirty_tokens_takes_less_than_fifty_kilobytes_and_is_no_image() -> None:
    pattern = np.tril(np.random.default_rng(0).exponential(size=(30, 30)) ** 3)
    svg = drawn(pattern / pattern.sum(1, keepdims=True)).to_svg()
    assert "<image" not in svg and len(svg) < 50_000


@pytest.mark.parametrize("n", [1, 60])
def test_there_is_a_cell_for_every_number(n: int) -> None:
    values = np.arange(n * n, dtype=float).reshape(n, n) % 7 / 6
    boxes = [box for found in shapes(drawn(values)).values() for box in found]
    assert sum(right - left for left, right, _, _ in boxes) == n * n
