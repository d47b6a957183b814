"""A path as a picture: how faithful its circuits are, over their size.

Owns what is drawn. How figures look is `figures/theme.py`'s business.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from acdc_custom.circuit.circuit import TestOutcome
from acdc_custom.figures.labels import label_points
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.plan import Point

CHOSEN = "chosen: the smallest that is faithful enough"
ABOUT = (
    "Two panels over the number of edges: the share of the logit difference that the circuits of a path recover, and "
    "their KL divergence from the model; on the prompts of the search, and on others."
)


def draw_path(record: PathRecord, title: str, chosen: Point | None, theme: Theme = Theme.LIGHT) -> Figure:
    """Both panels, thresholds beside the points, a ring around the chosen one."""
    with theme.applied():
        figure = Figure(title, ABOUT, 9.6, 3.9, theme)
        left, right = figure.subplots(1, 2)
        points = [point for point in record.points if point.edges]
        wanted = record.request.faithfulness
        if wanted is not None:
            left.axhline(wanted, color=theme.value.faint, lw=1, ls=":")
            left.annotate(
                f"asked for: {wanted:.0%}", (0, wanted), (4, 2), ("axes fraction", "data"), "offset points", fontsize=7
            )
        _panel(left, points, lambda point: point.search_faithfulness, _recovered, theme)
        _panel(right, points, lambda point: point.kl, lambda outcome: outcome.circuit.kl, theme)
        if chosen is not None and chosen.validation is not None and chosen.validation.faithfulness is not None:
            for axes, value in ((left, chosen.validation.faithfulness.value), (right, chosen.validation.circuit.kl)):
                axes.plot(chosen.edges, value, "o", ms=12, mfc="none", mec=theme.value.ink, mew=1.3, label=CHOSEN)
        left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        left.set_ylabel("logit difference recovered")
        right.set_ylabel("KL from the model (nats)")
        right.set_ylim(bottom=0)
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7.5)
        label_points(figure, left, *_labels(points), 7)
    return figure


def _labels(points: list[Point]) -> tuple[list[tuple[float, float, str]], list[tuple[float, float]]]:
    """Thresholds with the places of their points, and all places that are drawn."""
    labels: list[tuple[float, float, str]] = []
    drawn: list[tuple[float, float]] = [(point.edges, point.search_faithfulness) for point in points]
    for point in points:
        reached = point.search_faithfulness if point.validation is None else _recovered(point.validation)
        if reached is not None:
            labels.append((point.edges, reached, f"{point.threshold:g}"))
    return labels, drawn


def _recovered(outcome: TestOutcome) -> float | None:
    return None if outcome.faithfulness is None else outcome.faithfulness.value


def _panel(
    axes: Axes,
    points: list[Point],
    of_search: Callable[[Point], float],
    of_validation: Callable[[TestOutcome], float | None],
    theme: Theme,
) -> None:
    """Searches from the full model, and those that start from the circuit before: each a line of its own."""
    before = {point.name for point in points}
    for within, name, colour in (
        (False, "each from the full model", theme.value.series[3]),
        (True, "each from the circuit before", theme.value.series[0]),
    ):
        chain = [point for point in points if (point.start in before) == within]
        if within and chain:  # it begins at a circuit that is there already
            chain = [*(point for point in points if point.name == chain[0].start), *chain]
        if len(chain) < 1 + within:
            continue
        sizes = [point.edges for point in chain]
        axes.plot(sizes, [of_search(point) for point in chain], ":", lw=1.2, color=colour, marker="o", ms=3,
                  mfc="none", label=f"{name}: on the prompts of the search")  # fmt: skip
        shown = [(p.edges, value) for p in chain if p.validation and (value := of_validation(p.validation)) is not None]
        if shown:
            axes.plot(*zip(*shown, strict=True), "o-", ms=4.5, lw=1.6, color=colour,
                      label=f"{name}: on the validation prompts")  # fmt: skip
    sizes = [point.edges for point in points]
    if sizes and max(sizes) > 10 * min(sizes):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=0)
    axes.set_xlabel("edges")
    axes.grid(True)
    axes.set_axisbelow(True)
