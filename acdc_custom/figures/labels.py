"""Words beside points of a chart that do not lie on each other.

Owns where each stands: the first place around its point that is free, near ones first. One that has to stand further
off gets a line to its point.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from acdc_custom.figures.theme import Figure

NEAR, STEP, RINGS = 6.0, 9.0, 5  # points: from the mark to the words, and further off each time, so many times
MARK = 3.0  # points: half of a mark's size, that no word may cover
LINE_FROM = 1  # rings from here on have a line to the point
# Where the words stand: right and left of the point, above and below it, and between.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 0.8), (1, -0.8), (-1, 0.8), (-1, -0.8))
ALIGNED = {1: "left", 0: "center", -1: "right"}


def label_points(
    figure: Figure,
    axes: Axes,
    labels: Sequence[tuple[float, float, str]],
    marks: Sequence[tuple[float, float]],
    size: float,
) -> list[Annotation]:
    """Write a text beside each of some points, `(x, y, text)`; `marks` are points that no text may cover.

    The limits of the axes have to stand: call it when everything else is drawn. Works within the figure's theme.
    """
    figure.draw_without_rendering()  # settles where the axes are
    scale = figure.dpi / 72
    taken = [_around(axes, point, MARK * scale) for point in [*marks, *((x, y) for x, y, _ in labels)]]
    room = axes.bbox
    placed = []
    for x, y, text in labels:
        best: tuple[int, Annotation, Bbox] | None = None
        for ring in range(RINGS):
            for side in SIDES:
                label = _written(axes, (x, y), text, side, ring, size)
                label.get_window_extent()  # settles where it stands
                box = Text.get_window_extent(label)  # without the line
                clashes = sum(box.overlaps(other) for other in taken)
                clashes += not (room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1)
                if best is None or clashes < best[0]:
                    if best is not None:
                        best[1].remove()
                    best = clashes, label, box
                else:
                    label.remove()
                if best[0] == 0:
                    break
            if best is not None and best[0] == 0:
                break
        assert best is not None
        taken.append(best[2])
        placed.append(best[1])
    return placed


def _around(axes: Axes, point: tuple[float, float], half: float) -> Bbox:
    x, y = axes.transData.transform(point)
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def _written(
    axes: Axes, at: tuple[float, float], text: str, side: tuple[float, float], ring: int, size: float
) -> Annotation:
    across, up = side
    off = NEAR + ring * STEP
    line = {"arrowstyle": "-", "lw": 0.5, "color": "#8a8a8a", "shrinkA": 0, "shrinkB": 2} if ring >= LINE_FROM else None
    label = axes.annotate(
        text,
        at,
        (across * off, up * off),
        textcoords="offset points",
        ha=ALIGNED[int(across)],
        va="bottom" if across == 0 and up > 0 else "top" if across == 0 else "center",
        fontsize=size,
        arrowprops=line,
    )
    label.set_in_layout(False)
    return label
