"""A path as a picture: how faithful its circuits are, over their size.

Owns what is drawn. How figures look is `figures/theme.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from acdc_custom.circuit.circuit import TestOutcome
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.plan import Point

ABOUT = (
    "Two panels over the number of edges: the share of the logit difference that the circuits of a path recover, and "
    "their KL divergence from the model; on the prompts of the search, and on others."
)


def draw_path(record: PathRecord, title: str, chosen: Point | None, theme: Theme = Theme.LIGHT) -> Figure:
    """Both panels, thresholds beside the points, a ring around the chosen one."""
    with theme.applied():
        figure = Figure(title, ABOUT, 9.6, 3.9, theme)
        left, right = figure.subplots(1, 2)
        points = sorted((point for point in record.points if point.edges), key=lambda point: point.edges)
        wanted = record.request.faithfulness
        if wanted is not None:
            left.axhline(wanted, color=theme.value.faint, lw=1, ls=":")
            left.annotate(
                f"asked for: {wanted:.0%}", (0, wanted), (4, 2), ("axes fraction", "data"), "offset points", fontsize=7
            )
        _panel(left, points, lambda p: p.search_faithfulness, _recovered, theme)
        _panel(right, points, lambda p: p.kl, lambda v: v.circuit.kl, theme)
        if chosen is not None and chosen.validation is not None and chosen.validation.faithfulness is not None:
            ring = {"ms": 11, "mfc": "none", "mec": theme.value.series[0], "mew": 1.3}
            left.plot(chosen.edges, chosen.validation.faithfulness.value, "o", **ring)
            right.plot(chosen.edges, chosen.validation.circuit.kl, "o", **ring)
        left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        left.set_ylabel("logit difference recovered")
        right.set_ylabel("KL from the model (nats)")
        right.set_ylim(bottom=0)
        left.legend(fontsize=7.5)
        for point in points:
            if point.validation and point.validation.faithfulness:
                at = (point.edges, point.validation.faithfulness.value)
                left.annotate(f"{point.threshold:g}", at, (5, -10), textcoords="offset points", fontsize=6.5)
    return figure


def _recovered(outcome: TestOutcome) -> float | None:
    return None if outcome.faithfulness is None else outcome.faithfulness.value


def _panel(
    axes: Axes,
    points: list[Point],
    of_search: Callable[[Point], float],
    of_validation: Callable[[TestOutcome], float | None],
    theme: Theme,
) -> None:
    sizes = [point.edges for point in points]
    axes.plot(sizes, [of_search(point) for point in points], "o:", ms=3.5, lw=1.2, color=theme.value.faint, mfc="none",
              label="on the prompts of the search")  # fmt: skip
    values = [point.validation and of_validation(point.validation) for point in points]
    if any(value is not None for value in values):
        shown = [(size, value) for size, value in zip(sizes, values, strict=True) if value is not None]
        axes.plot(*zip(*shown, strict=True), "o-", ms=4.5, lw=1.6, color=theme.value.series[0],
                  label="on the validation prompts")  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("edges")
    axes.grid(True)
    axes.set_axisbelow(True)
