"""The forms of figures with many small panels: scatters and attention patterns.

Owns how panels stand together. What the numbers mean is the analyses' business. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from acdc_custom.figures.cells import colour_bar, draw_cells
from acdc_custom.figures.theme import SEQUENTIAL, Figure, Theme


def scatters(
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    captions: Mapping[str, str],
    title: str,
    x: str,
    y: str,
    columns: int,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One panel of points per entry, so many in a row, with the panel's `caption` (such as r and p) under its name."""
    n_rows = -(-len(points) // columns)
    with theme.applied():
        about = f"{y} against {x}. " + "; ".join(f"{name}: {captions[name]}" for name in points) + "."
        figure = Figure(title, about, 1.0 + 2.1 * columns, 0.7 + 2.2 * n_rows, theme)
        panels = figure.subplots(n_rows, columns, sharex="row", sharey="row", squeeze=False)
        for panel in panels.flat[len(points) :]:
            panel.set_visible(False)
        for panel, (name, (xs, ys)) in zip(panels.flat, points.items(), strict=False):
            panel.axhline(0, color=theme.value.faint, lw=0.8)
            panel.scatter(np.asarray(xs, dtype=float), np.asarray(ys, dtype=float), s=11, alpha=0.65, lw=0)
            panel.set_title(f"{name}\n{captions[name]}")
            panel.grid(True)
            panel.set_axisbelow(True)
        figure.supxlabel(x, fontsize=9)
        figure.supylabel(y, fontsize=9)
    return figure


def attention_panels(
    patterns: Mapping[str, ArrayLike], tokens: Sequence[str], title: str, theme: Theme = Theme.LIGHT
) -> Figure:
    """One panel per head: attention `[pos, key]` from 0 to 1, over the tokens of one prompt."""
    columns = min(4, len(patterns))
    n_rows = -(-len(patterns) // columns)
    side = 0.45 + 0.115 * len(tokens)
    with theme.applied():
        about = f"Attention patterns of {', '.join(patterns)} on: {' '.join(tokens)}"
        figure = Figure(title, about, 1.2 + side * columns, 0.7 + (side + 0.2) * n_rows, theme)
        panels = figure.subplots(n_rows, columns, sharex=True, sharey=True, squeeze=False)
        for panel in panels.flat[len(patterns) :]:
            panel.set_visible(False)
        for panel, (name, pattern) in zip(panels.flat, patterns.items(), strict=False):
            scaled = draw_cells(panel, np.asarray(pattern), SEQUENTIAL, 0, 1)
            panel.set_aspect("equal")
            panel.set_title(name)
            panel.tick_params(length=0)
            panel.spines[:].set_visible(False)
            panel.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=7)
            panel.set_yticks(range(len(tokens)), tokens, fontsize=7)
            panel.tick_params(labelbottom=True)
        colour_bar(figure, scaled, panels, aspect=30, shrink=0.8)
    return figure
