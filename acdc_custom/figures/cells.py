"""A table of numbers between 0 and 1 as coloured cells with the numbers in them.

Owns how a cell looks. Cells are shapes and numbers are text, so that both stay sharp at any size. What the numbers mean
is the caller's business. Imports no torch.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from acdc_custom.figures.theme import SEQUENTIAL, Theme

DARK_FROM = 0.6  # the text on such a cell is light
MISSING = "-"
ON_LIGHT, ON_DARK = "#222222", "#ffffff"


def coloured_cells(axes: Axes, values: ArrayLike, theme: Theme, size: float = 7.5) -> None:
    """Draw `values` `[row, column]`, from 0 to 1, the first row on top; NaN is a cell with a dash."""
    values = np.asarray(values, dtype=float)
    n_rows, n_columns = values.shape
    axes.set_facecolor(theme.value.empty)
    axes.pcolormesh(
        np.arange(n_columns + 1) - 0.5,
        np.arange(n_rows + 1) - 0.5,
        np.ma.masked_invalid(values),
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        edgecolors="#ffffff",
        lw=0.8,
    )
    axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    for (row, column), value in np.ndenumerate(values):
        there = np.isfinite(value)
        colour = (ON_DARK if value > DARK_FROM else ON_LIGHT) if there else theme.value.ink
        text = f"{value:.3f}" if there else MISSING
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
