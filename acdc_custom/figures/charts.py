"""The forms of figures with one set of axes: heat maps of heads and of positions, lines, bars, histograms.

Owns how numbers become marks. Every function takes arrays and words, and gives a `Figure`; what the numbers mean is
the analyses' business. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from acdc_custom.figures.cells import colour_bar, draw_cells
from acdc_custom.figures.theme import DIVERGING, SEQUENTIAL, Figure, Theme
from acdc_custom.graph import Sender, Stage


class Scale(Enum):
    """What colours stand for."""

    SIGNED = "zero in the middle"
    AMOUNT = "from zero up"


CELL = 0.27  # inches
NUMBERED_CELLS = 80  # a heat map of up to so many cells has its numbers written in
IN_CIRCUIT = "in the circuit"  # what a frame means
ON_LIGHT = "#222222"  # cells are light in both themes, but for the extreme ones


def head_heatmap(
    values: ArrayLike,
    title: str,
    unit: str,
    marked: Collection[Sender] = (),
    theme: Theme = Theme.LIGHT,
    scale: Scale = Scale.SIGNED,
) -> Figure:
    """A layer x head heat map of `values` `[layer, head]`; the `marked` heads, those of a circuit, get a frame.

    NaN leaves a cell empty.
    """
    values = np.asarray(values, dtype=float)
    n_layers, n_heads = values.shape
    return heatmap(
        values,
        [str(layer) for layer in range(n_layers)],
        [str(head) for head in range(n_heads)],
        title,
        unit,
        "layer",
        "head",
        {(head.layer, head.head) for head in marked if head.stage is Stage.HEAD},
        theme,
        scale,
        IN_CIRCUIT,
    )


def heatmap(
    values: ArrayLike,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str,
    unit: str,
    rows: str,
    columns: str,
    marked: Collection[tuple[int, int]] = (),
    theme: Theme = Theme.LIGHT,
    scale: Scale = Scale.SIGNED,
    frames: str = IN_CIRCUIT,
) -> Figure:
    """A heat map of `values` `[row, column]`; `rows` and `columns` name the axes.

    Used for layer x head and for layer x position. `marked` cells get a frame, and `frames` says what that means; NaN
    leaves a cell empty.
    """
    values = np.asarray(values, dtype=float)
    largest = _largest(values)
    wide = max(map(len, column_labels)) > 3
    with theme.applied():
        width = max(4.2, 1.9 + CELL * values.shape[1])
        height = max(2.2, 1.1 + CELL * values.shape[0] + (0.07 * max(map(len, column_labels)) if wide else 0))
        about = f"Heat map of {values.shape[0]} by {values.shape[1]} cells, {rows} by {columns}, in {unit}. "
        figure = Figure(title, about + _extremes(values, row_labels, column_labels), width, height, theme)
        axes = figure.subplots()
        axes.set_facecolor(theme.value.empty)
        colours, low = (DIVERGING, -largest) if scale is Scale.SIGNED else (SEQUENTIAL, 0.0)
        scaled = draw_cells(axes, values, colours, low, largest)
        axes.set_title(f"{unit}; framed: {frames}" if marked else unit)
        axes.set_xlabel(columns)
        axes.set_ylabel(rows)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xticks(range(len(column_labels)), column_labels, rotation=90 if wide else 0)
        step = max(1, round(len(row_labels) / 30))
        axes.set_yticks(range(0, len(row_labels), step), row_labels[::step])
        colour_bar(figure, scaled, axes, aspect=height / 0.15)
        for row, column in sorted(marked):
            frame = Rectangle((column - 0.43, row - 0.43), 0.86, 0.86, fill=False, lw=1.3, ec=ON_LIGHT)
            frame.set_path_effects([withStroke(linewidth=2.9, foreground="#ffffff")])  # seen on dark cells, too
            axes.add_patch(frame)
        if values.size <= NUMBERED_CELLS:
            for (row, column), value in np.ndenumerate(values):
                if np.isfinite(value):
                    colour = "#ffffff" if abs(value) > 0.65 * largest else ON_LIGHT
                    axes.text(column, row, _short(value), ha="center", va="center", color=colour, fontsize=7)
    return figure


def lines(
    x_labels: Sequence[str],
    series: Mapping[str, ArrayLike],
    title: str,
    x: str,
    y: str,
    spread: Mapping[str, ArrayLike] | None = None,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One line per entry of `series`, over labelled places. `spread` (of some of them) is drawn as a band around."""
    with theme.applied():
        figure = Figure(title, f"{y} by {x}: {', '.join(series)}.", max(4.6, 1.6 + 0.19 * len(x_labels)), 3.2, theme)
        axes = figure.subplots()
        places = np.arange(len(x_labels))
        axes.axhline(0, color=theme.value.faint, lw=0.8)
        for (name, values), style in zip(series.items(), ("-", "--", ":", "-."), strict=False):
            (line,) = axes.plot(places, np.asarray(values, dtype=float), style, marker="o", ms=3, lw=1.5, label=name)
            if spread is not None and name in spread:
                middle, around = np.asarray(values, dtype=float), np.asarray(spread[name], dtype=float)
                axes.fill_between(places, middle - around, middle + around, color=line.get_color(), alpha=0.18, lw=0)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(axis="y")
        step = max(1, round(len(x_labels) / 40))
        axes.set_xticks(places[::step], x_labels[::step], rotation=90)
        if len(series) > 1:
            axes.legend()
    return figure


def bars(
    labels: Sequence[str],
    values: ArrayLike,
    title: str,
    x: str,
    y: str,
    spread: ArrayLike | None = None,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """One bar per label, up or down from zero, with the spread of each if there is one."""
    values = np.asarray(values, dtype=float)
    with theme.applied():
        about = f"{y} by {x}. Largest: {labels[int(np.nanargmax(values))]}, {np.nanmax(values):.3g}."
        figure = Figure(title, about, max(4.6, 1.4 + 0.19 * len(labels)), 3.2, theme)
        axes = figure.subplots()
        above, below = theme.value.series[0], theme.value.series[1]
        colours = [above if value >= 0 else below for value in values]
        places = np.arange(len(labels))
        error = {"lw": 0.8, "ecolor": theme.value.ink}
        axes.bar(places, values, color=colours, width=0.75, yerr=spread, error_kw=error)
        axes.axhline(0, color=theme.value.faint, lw=0.8)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        step = max(1, round(len(labels) / 40))
        axes.set_xticks(places[::step], labels[::step], rotation=90)
    return figure


def histogram(
    samples: Mapping[str, ArrayLike],
    title: str,
    x: str,
    y: str,
    theme: Theme = Theme.LIGHT,
) -> Figure:
    """The share of values per bin, one outline per entry of `samples`, over the same bins; a line at each mean."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in samples.items()}
    with theme.applied():
        about = "; ".join(f"{name}: {len(a)} values, mean {a.mean():.3g}" for name, a in arrays.items())
        figure = Figure(title, f"Histogram of {x}. {about}.", 5.2, 3.2, theme)
        axes = figure.subplots()
        every = np.concatenate(list(arrays.values()))
        edges = np.histogram_bin_edges(every, bins=min(40, max(8, round(len(every) ** 0.5)))).tolist()
        for (name, values), colour in zip(arrays.items(), theme.value.series, strict=False):
            weights = np.full(len(values), 1 / len(values))
            axes.hist(values, edges, weights=weights, histtype="stepfilled", alpha=0.25, color=colour)
            axes.hist(values, edges, weights=weights, histtype="step", color=colour, lw=1.3, label=name)
            axes.axvline(values.mean(), color=colour, lw=1.2, ls="--")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.legend()
    return figure


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0


def _extremes(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    if not np.isfinite(values).any():
        return "No cell has a number."

    def cell(place: int) -> str:
        row, column = divmod(place, values.shape[1])
        return f"{values[row, column]:.3g} at row {rows[row]}, column {columns[column]}"

    return f"Largest {cell(int(np.nanargmax(values)))}; smallest {cell(int(np.nanargmin(values)))}."


def _short(value: float) -> str:
    """A number in as few characters as a cell has room for."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    return "0" if float(text) == 0 else text.replace("0.", ".", 1)
