"""A grid of coloured cells as shapes, which stay sharp at any size, in a file that stays small.

Owns how cells become marks: colours in so many steps, one shape for all cells of one colour, cells of one colour beside
each other as one. What they mean, and the axes around them, are the callers' business.
"""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from acdc_custom.figures.theme import Figure

STEPS = 47  # of colour, with one in the middle; matplotlib draws a bar of 50 and more as an image
SEAM = 0.4  # points: cells beside each other overlap by half of it each, so that no light shines through
BOX = (Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY)


def draw_cells(axes: Axes, values: np.ndarray, colours: str, low: float, high: float) -> ScalarMappable:
    """Cells of `values` `[row, column]` around whole numbers, the first row on top; gives what `colour_bar` takes.

    `colours` is a colour map from `low` to `high`. NaN leaves a cell empty.
    """
    scale = ScalarMappable(Normalize(low, high, clip=True), matplotlib.colormaps[colours].resampled(STEPS))
    steps = np.full(values.shape, -1)
    there = np.isfinite(values)
    shares = np.clip((values[there] - low) / ((high - low) or 1.0), 0, 1)
    steps[there] = np.minimum((shares * STEPS).astype(int), STEPS - 1)
    boxes: dict[int, list[tuple[float, float]]] = {}
    for row, line in enumerate(steps):
        place = 0
        for step, run in itertools.groupby(line.tolist()):
            start, place = place, place + len(list(run))
            left, right, top, bottom = start - 0.5, place - 0.5, row - 0.5, row + 0.5
            if step >= 0:
                corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
                boxes.setdefault(step, []).extend(corners)
    for step, corners in sorted(boxes.items()):
        shape = Path(corners, BOX * (len(corners) // len(BOX)))
        axes.add_patch(PathPatch(shape, color=scale.cmap(step), linewidth=SEAM, joinstyle="miter"))
    axes.set_xlim(-0.5, values.shape[1] - 0.5)
    axes.set_ylim(values.shape[0] - 0.5, -0.5)
    return scale


def colour_bar(figure: Figure, scale: ScalarMappable, axes: Axes | np.ndarray, **place: Any) -> Colorbar:
    """What the colours of cells stand for, beside them."""
    bar = figure.colorbar(scale, ax=axes, pad=0.02, **place)
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set(edgecolor="face", linewidth=SEAM)
    return bar
