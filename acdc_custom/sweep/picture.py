"""A sweep as a picture: for each case, edges against KL and against the recovered logit difference.

Owns what is drawn. How figures look is `figures/theme.py`'s business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from acdc_custom.choices import Ranking
from acdc_custom.figures.labels import label_points
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.sweep.curve import Point
from acdc_custom.sweep.result import NESTED, Case, Searched, Sweep
from acdc_custom.sweep.suggestion import WITHIN

OF_RANKING = {Ranking.ABSOLUTE: "-", Ranking.SIGNED: ":"}  # the line
OF_SEARCHES = (0, 3, 4, 5)  # the colours
MARKS_OF_SEARCHES = "oX*phd"  # filled, and none that a method that scores edges has
MOST_NAMED = 6  # searches, each with a look of its own
LEAST_KL = 1e-4  # nats: smaller ones are drawn as if they were this
MOST_RECOVERED = 1.5  # a curve that overshoots by more leaves the picture
LEAST_RECOVERED = -0.5
SUGGESTED = "suggested threshold"
BEATEN = "beaten: another threshold has as few edges and as low a KL"
ABOUT = (
    "For each case two panels over the number of edges: the KL divergence from the model, and the share of the logit "
    "difference that is recovered; one curve for each search, and for each ranking of each method that scores edges."
)


def draw_sweep(sweep: Sweep, theme: Theme = Theme.LIGHT) -> Figure:
    """Two panels for each case. Lines of searches are their fronts, hollow points are beaten, and rings are around
    suggested thresholds."""
    with theme.applied():
        title = "How small a circuit can be, and what it costs"
        figure = Figure(title, ABOUT, 9.6, 0.7 + 3.2 * len(sweep.cases), theme)
        rows = figure.subplots(len(sweep.cases), 2, squeeze=False)
        for case, (left, right) in zip(sweep.cases, rows, strict=True):
            _kl_panel(left, case, theme)
            _recovered_panel(right, case, theme)
            left.set_title(f"{case.name}\n{case.about}")
            left.legend(fontsize=7)
        _legend(figure, sweep, theme)
        for case, (left, _) in zip(sweep.cases, rows, strict=True):
            _thresholds(figure, left, case)
    return figure


def _legend(figure: Figure, sweep: Sweep, theme: Theme) -> None:
    """Below all panels: what the thin lines are."""
    handles: list[Line2D | Patch] = []
    looks = {
        attributed.title: theme.look(number)
        for case in sweep.cases
        for number, attributed in enumerate(case.attributions, 1)
    }
    for title, (colour, marker) in looks.items():
        handles.append(Line2D([], [], color=colour, marker=marker, mfc="none", ms=3.5, lw=1, label=title))
    for ranking, style in OF_RANKING.items():
        handles.append(Line2D([], [], color=theme.value.faint, ls=style, lw=1, label=f"{ranking} scores"))
    look: dict[str, Any] = {"color": theme.value.faint, "lw": 0, "mfc": "none"}
    handles.append(Line2D([], [], **look, marker="o", ms=11, mew=1.3, label=SUGGESTED))
    if any(_beaten(search) for case in sweep.cases for search in case.searches):
        handles.append(Line2D([], [], **look, marker="o", ms=4.5, label=BEATEN))
    handles.append(Patch(color=theme.value.faint, alpha=0.15, lw=0, label=f"recovered within {WITHIN:.0%}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=7.5)


def _kl_panel(axes: Axes, case: Case, theme: Theme) -> None:
    axes.axhline(case.empty.kl, color=theme.value.faint, lw=0.8, ls=":")
    at, places = (0, case.empty.kl), ("axes fraction", "data")
    axes.annotate("no edges", at, (3, 3), xycoords=places, textcoords="offset points", va="bottom", fontsize=7)
    _curves(axes, case, _kl, theme)
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_ylabel("KL from the model (nats)")


def _thresholds(figure: Figure, axes: Axes, case: Case) -> None:
    """Beside the points of a search, unless there are several."""
    if len(case.searches) == 1:
        points = [(point.n_edges, _kl(point), f"{point.threshold:g}") for point in _drawn(case.searches[0])]
        label_points(figure, axes, points, [], 7)


def _kl(point: Point) -> float:
    return max(point.kl, LEAST_KL)


def _recovered_panel(axes: Axes, case: Case, theme: Theme) -> None:
    """The band is what a suggested circuit should recover."""
    axes.axhspan(1 - WITHIN, 1 + WITHIN, color=theme.value.faint, alpha=0.15, lw=0)
    _curves(axes, case, lambda point: point.faithfulness, theme)
    shown = [
        point.faithfulness for search in case.searches for point in _drawn(search) if math.isfinite(point.faithfulness)
    ]
    axes.set_ylim(max(LEAST_RECOVERED, min([0.0, *shown]) - 0.05), MOST_RECOVERED)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("logit difference recovered")


def _curves(axes: Axes, case: Case, height: Callable[[Point], float], theme: Theme) -> None:
    """All methods, those that score edges in both of their rankings."""
    for number, attributed in enumerate(case.attributions, 1):
        colour, marker = theme.look(number)
        for ranking, style in OF_RANKING.items():
            points = attributed.curves[ranking].points
            # Told in the legend of the whole figure: see `_legend`.
            label = f"_{attributed.title}, {ranking} scores"
            _line(axes, points, height, color=colour, lw=1, ls=style, marker=marker, mfc="none", ms=3.5, label=label)
    looks = {name: number for number, name in enumerate(dict.fromkeys(_name(case, search) for search in case.searches))}
    for name, number in looks.items():
        look = _look(number, theme)
        axes.plot([], [], **look, lw=1.6, label=name)
        for search in case.searches:
            if _name(case, search) == name:
                _search(axes, search, height, look)
    axes.set_xscale("log")
    _plain(axes.xaxis)
    axes.set_xlabel("edges at spans" if case.n_spans else "edges")
    axes.grid(True)
    axes.set_axisbelow(True)


def _search(axes: Axes, search: Searched, height: Callable[[Point], float], look: dict[str, Any]) -> None:
    """Its points, a line along its front, and a ring around the suggested one."""
    beaten = _beaten(search)
    _line(axes, [point for point in _drawn(search) if point not in beaten], height, **look, lw=0)
    _line(axes, beaten, height, **look, mfc="none", lw=0)
    _line(axes, [point for point in search.curve.front if point.n_edges], height, color=look["color"], lw=1.6)
    chosen = search.suggestion.point
    if chosen is not None and chosen.n_edges:
        axes.plot(chosen.n_edges, height(chosen), "o", ms=11, mfc="none", mec=look["color"], mew=1.3)


def _name(case: Case, search: Searched) -> str:
    """In the legend. Of many searches those with one metric look alike."""
    if len(case.searches) == 1:
        return f"{search.title}, {NESTED}" if search.nested else search.title
    alike = f"metric {search.metric}{f', {NESTED}' * search.nested}"
    its = search.name if len(case.searches) <= MOST_NAMED else alike
    return f"{search.title}, {its}"


def _look(number: int, theme: Theme) -> dict[str, Any]:
    colour = theme.value.series[OF_SEARCHES[number % len(OF_SEARCHES)]]
    return {"color": colour, "marker": MARKS_OF_SEARCHES[number % len(MARKS_OF_SEARCHES)], "ms": 4.5}


def _line(axes: Axes, points: Sequence[Point], height: Callable[[Point], float], **style: Any) -> None:
    axes.plot([point.n_edges for point in points], [height(point) for point in points], **style)


def _drawn(search: Searched) -> list[Point]:
    """Without circuits that have no edges: a logarithm has no place for them."""
    return [point for point in search.curve.points if point.n_edges]


def _beaten(search: Searched) -> list[Point]:
    """Those that another threshold beats: it has as few edges, and a KL as low."""
    front = search.curve.front
    return [point for point in _drawn(search) if point not in front]


def _plain(axis: Axis) -> None:
    """Numbers as they are, without powers of ten."""
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
