"""A sweep as a picture: for each case, edges against KL and against the recovered logit difference.

Owns what is drawn. How figures look is `analyses/theme.py`'s business.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from acdc_custom.analyses.theme import Figure, Theme
from acdc_custom.choices import Attribution, Ranking
from acdc_custom.sweep.curve import Point
from acdc_custom.sweep.result import Case, Searched, Sweep
from acdc_custom.sweep.suggestion import WITHIN
from acdc_custom.sweep.summary import NAMES

MARKERS = "osD^vPX*"  # of searches, in their order
OF_ATTRIBUTION = {Attribution.EAP: 1, Attribution.EAP_IG: 2}  # the colour
OF_SEARCHES = (0, 3, 4, 5)
LEAST_KL = 1e-4  # nats: below it differences are drawn no more
MOST_RECOVERED = 1.5  # a curve that overshoots by more leaves the picture
ABOUT = (
    "For each case two panels over the number of edges: the KL divergence from the model, and the share of the logit "
    "difference that is recovered; one curve for each search, EAP and EAP-IG."
)


def draw_sweep(sweep: Sweep, theme: Theme = Theme.LIGHT) -> Figure:
    """Two panels for each case. A ring is around the suggested threshold; thresholds stand at ACDC's points."""
    with theme.applied():
        title = "How small a circuit can be, and what it costs"
        figure = Figure(title, ABOUT, 9.6, 0.4 + 3.0 * len(sweep.cases), theme)
        rows = figure.subplots(len(sweep.cases), 2, squeeze=False)
        for case, (left, right) in zip(sweep.cases, rows, strict=True):
            _kl_panel(left, case, theme)
            _recovered_panel(right, case, theme)
            left.set_title(f"{case.name}\n{case.about}")
            left.legend(fontsize=7.5)
    return figure


def _kl_panel(axes: Axes, case: Case, theme: Theme) -> None:
    for attributed in case.attributions:
        points = attributed.curves[Ranking.ABSOLUTE].points
        _line(axes, attributed.method, points, [max(p.kl, LEAST_KL) for p in points], theme)
    for number, search in enumerate(case.searches):
        _search(axes, case, number, [max(p.kl, LEAST_KL) for p in search.curve.points], theme)
    axes.axhline(case.empty.kl, color=theme.value.faint, lw=0.8, ls=":")
    axes.annotate(
        "no edges", (1, case.empty.kl), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7
    )
    axes.set_yscale("log")
    _shared(axes, "KL from the model (nats)")


def _recovered_panel(axes: Axes, case: Case, theme: Theme) -> None:
    axes.axhspan(1 - WITHIN, 1 + WITHIN, color=theme.value.faint, alpha=0.15, lw=0)
    for attributed in case.attributions:
        points = attributed.curves[Ranking.SIGNED].points
        _line(axes, attributed.method, points, [p.recovered for p in points], theme)
    for number, search in enumerate(case.searches):
        _search(axes, case, number, [p.recovered for p in search.curve.points], theme)
    shown = [p.recovered for search in case.searches for p in search.curve.points if math.isfinite(p.recovered)]
    axes.set_ylim(min([-0.05, *(max(share, -0.5) - 0.05 for share in shown)]), MOST_RECOVERED)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _shared(axes, "logit difference recovered")


def _shared(axes: Axes, y: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("edges")
    axes.set_ylabel(y)
    axes.grid(True)
    axes.set_axisbelow(True)


def _line(axes: Axes, method: Attribution, points: Sequence[Point], heights: Sequence[float], theme: Theme) -> None:
    colour = theme.value.series[OF_ATTRIBUTION[method]]
    sizes = [point.n_edges for point in points]
    axes.plot(sizes, heights, color=colour, lw=1.0, marker=".", ms=3, label=NAMES[method])


def _search(axes: Axes, case: Case, number: int, heights: Sequence[float], theme: Theme) -> None:
    """Points of a search, a line along its front, and a ring around the suggested one."""
    search = case.searches[number]
    colour = theme.value.series[OF_SEARCHES[number % len(OF_SEARCHES)]]
    points = [(point, height) for point, height in zip(search.curve.points, heights, strict=True) if point.n_edges]
    front = [(point.n_edges, height) for point, height in points if point in search.curve.front]
    marker = MARKERS[number // len(OF_SEARCHES) % len(MARKERS)]
    axes.plot(*zip(*front, strict=True), color=colour, lw=1.6) if front else None
    axes.plot(
        [point.n_edges for point, _ in points],
        [height for _, height in points],
        marker,
        color=colour,
        ms=4.5,
        label=_label(case, search),
    )
    for point, height in points:
        if point == search.suggestion.point:
            axes.plot(point.n_edges, height, "o", ms=11, mfc="none", mec=colour, mew=1.3)
        if len(case.searches) == 1:
            axes.annotate(
                f"{point.threshold:g}", (point.n_edges, height), (4, 5), textcoords="offset points", fontsize=6.5
            )


def _label(case: Case, search: Searched) -> str:
    return "ACDC" if len(case.searches) == 1 else f"ACDC, {search.name}"
