"""The figure of a study: how often edges are kept, which heads, how alike the runs are, what a consensus recovers.

Owns the four panels. Their numbers are the record's. Imports no torch.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from acdc_custom.circuit.members import Part
from acdc_custom.figures.cells import colour_bar, draw_cells
from acdc_custom.figures.labels import label_points
from acdc_custom.figures.theme import SEQUENTIAL, Figure, Theme
from acdc_custom.stability.record import Stability
from acdc_custom.stability.words import kinds_of, task_of

MOST_HEADS = 18
LABELLED = (0.1, 0.5, 0.9, 1.0)  # points of the curve with their share beside them


def stability_figure(stability: Stability, theme: Theme = Theme.LIGHT) -> Figure:
    """The figure, four panels in two rows."""
    edges = stability.agreement(Part.EDGES)
    about = (
        f"Four panels: how many edges are kept by how many of {edges.n_runs} runs; the most often kept heads; the "
        f"Jaccard index of every two runs, {edges.mean:.2f} in the mean; the logit difference recovered by the "
        "consensus and by each run against its number of edges."
    )
    if stability.whatever_span is not None:
        anywhere = stability.whatever_span.agreement(Part.EDGES, stability.varied)
        about += f" Edges and heads are at spans; whatever the span, the mean Jaccard index is {anywhere.mean:.2f}."
    with theme.applied():
        figure = Figure(f"How stable is the circuit of {task_of(stability)}?", about, 9.6, 7.4, theme)
        (often, heads), (alike, faithful) = figure.subplots(2, 2)
        _often(often, stability)
        _heads(heads, stability, theme)
        _alike(figure, alike, stability)
        _faithful(figure, faithful, stability, theme)
    return figure


def _often(axes: Axes, stability: Stability) -> None:
    """Edges by the number of runs that keep them: much on the right is stable, much on the left comes and goes."""
    shares = stability.shares[Part.EDGES]
    n = len(stability.consensus_runs)
    counts = Counter(share.n_kept for share in shares)
    places = range(1, n + 1)
    axes.bar(places, [counts[place] for place in places], width=0.8)
    axes.axvline(stability.share * n - 0.5, ls="--", lw=1, color="#d55e00")
    axes.set_title(f"Edges{' at spans' * stability.in_positions} by how many of {n} runs keep them (line: consensus)")
    axes.set_xlabel("runs that keep the edge")
    axes.set_ylabel("edges")
    axes.set_xlim(0.3, n + 0.7)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _heads(axes: Axes, stability: Stability, theme: Theme) -> None:
    """The heads most often kept, each with its interval."""
    every = stability.shares[Part.HEADS]
    rows = every[:MOST_HEADS]
    title = f"Heads{' at spans' * stability.in_positions} by the share of runs that keep them"
    axes.set_title(title if len(rows) == len(every) else f"{title}; {len(rows)} of {len(every)}")
    places = np.arange(len(rows))
    lows, highs = (np.array([row.interval[end] for row in rows]) for end in (0, 1))
    axes.hlines(places, lows, highs, color=theme.value.series[5], lw=2.5)
    axes.plot([row.share for row in rows], places, "o", ms=4, color=theme.value.series[0])
    axes.set_yticks(places, [row.label for row in rows])
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of runs, with 95 % interval")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    if not rows:
        axes.text(0.5, 0, "no run keeps a head", ha="center", va="center")


def _alike(figure: Figure, axes: Axes, stability: Stability) -> None:
    """The Jaccard index of every two runs, those that vary the same side by side; of runs in positions, below the
    diagonal that of the edges whatever their spans."""
    indices = np.array(stability.jaccards[Part.EDGES])  # [run, run]
    title = "Jaccard index of the edges of every two runs"
    if stability.whatever_span is not None:
        indices = np.triu(indices) + np.tril(np.array(stability.whatever_span.jaccards[Part.EDGES]), -1)
        title = "Jaccard index of the edges of every two runs:\nat spans above the diagonal, at any span below"
    scaled = draw_cells(axes, indices, SEQUENTIAL, 0, 1)
    axes.set_aspect("equal")
    groups = Counter(run.varied for run in stability.runs)
    starts = np.cumsum([0, *groups.values()])
    for start in starts[1:-1]:
        axes.axhline(start - 0.5, color="#ffffff", lw=2)
        axes.axvline(start - 0.5, color="#ffffff", lw=2)
    names = [kinds_of(varied) for varied in groups]
    axes.set_yticks((starts[:-1] + starts[1:] - 1) / 2, names)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    colour_bar(figure, scaled, axes, fraction=0.046)


def _faithful(figure: Figure, axes: Axes, stability: Stability, theme: Theme) -> None:
    """What the consensus recovers at each share, among what single runs recover."""
    runs = stability.consensus_runs
    axes.plot(
        [run.sizes[Part.EDGES] for run in runs],
        [stability.faithfulness(run.behaviour) for run in runs],
        "o",
        ms=4,
        color=theme.value.faint,
        alpha=0.7,
        label="single runs",
    )
    sizes = [point.n_edges for point in stability.curve]
    shares = [stability.faithfulness(point.behaviour) for point in stability.curve]
    axes.plot(sizes, shares, "-o", ms=4, color=theme.value.series[0], label="consensus, at a share of runs")
    axes.axhline(1, color=theme.value.faint, lw=0.8, ls=":")
    axes.set_title("Logit difference recovered, against edges")
    axes.set_xlabel("edges at spans" if stability.in_positions else "edges")
    axes.set_ylabel("share recovered")
    axes.set_xlim(left=0)
    axes.grid(axis="y")
    axes.legend(loc="best")
    points = [
        (size, share, f"{point.share:.0%}")
        for point, size, share in zip(stability.curve, sizes, shares, strict=True)
        if point.share in LABELLED and math.isfinite(share)
    ]
    label_points(figure, axes, points, _marks(axes), 7.5)


def _marks(axes: Axes) -> list[tuple[float, float]]:
    """Every point that is drawn."""
    columns = [(line.get_xdata(), line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    points = [(float(x), float(y)) for xs, ys in columns for x, y in zip(np.asarray(xs), np.asarray(ys), strict=True)]
    return [(x, y) for x, y in points if math.isfinite(y)]
