"""A sweep as text for the terminal.

Owns the words and the columns there.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from acdc_custom.choices import Ranking
from acdc_custom.sweep.curve import Curve, Point
from acdc_custom.sweep.result import Case, Searched, Sweep
from acdc_custom.sweep.suggestion import Rule

WIDTH = 110
NAMES = {"acdc": "ACDC", "eap": "EAP", "eap-ig": "EAP-IG"}


def summarize_sweep(sweep: Sweep) -> str:
    """For each case and search a table over thresholds, the areas, and the threshold to take."""
    lines = [line for case in sweep.cases for line in _case(case)]
    return "\n".join([*lines, *_legend()])


def _case(case: Case) -> Iterator[str]:
    yield f"{case.name}: {case.about}; {case.n_edges:,} edges"
    yield (
        f"Logit difference {case.full.logit_diff:.2f}, without edges {case.empty.logit_diff:.2f}; "
        f"the answer is preferred in {case.full.correct:.0%} of the prompts; KL without edges {case.empty.kl:.3g} nats"
    )
    for search in case.searches:
        yield ""
        yield from _search(case, search)
    yield ""
    yield ""


def _search(case: Case, search: Searched) -> Iterator[str]:
    methods = [search.curve.method, *(attributed.method.value for attributed in case.attributions)]
    names = "".join(f"{NAMES[method]:>9}" for method in methods)
    wide = 9 * len(methods)
    yield f"ACDC, {search.name}"
    yield f"{'':33}{'KL from the model (nats)':^{wide}}   {'logit difference recovered':^{wide}}"
    yield f"{'threshold':>11}{'edges':>11}{'share':>9}  {names}   {names}"
    others = [attributed.curves[Ranking.ABSOLUTE] for attributed in case.attributions]
    front = search.curve.front
    for point in sorted(search.curve.points, key=lambda point: -(point.threshold or 0)):
        circuits = (point, *_as_large(others, point))
        kls = "".join(f"{_kl(circuit.kl):>9}" for circuit in circuits)
        shares = "".join(f"{_share(circuit.recovered):>9}" for circuit in circuits)
        mark = "<- suggested" if point == search.suggestion.point else "" if point in front else "beaten"
        size = f"{point.n_edges:>11,}{point.n_edges / case.n_edges:>9.2%}"
        yield f"{point.threshold:>11.4g}{size}  {kls}   {shares}   {mark}".rstrip()
    for area, values in (
        ("CPR", (search.curve.cpr, *(attributed.cpr for attributed in case.attributions))),
        ("CMD", (search.curve.cmd, *(attributed.cmd for attributed in case.attributions))),
    ):
        yield f"{area:>11}{'':{25 + wide}}" + "".join(f"{_area(value):>9}" for value in values)
    largest = max(point.n_edges for point in search.curve.points)
    yield f"{'':11}from {largest / case.n_edges:.2%} of the edges on, ACDC's areas are those of its largest circuit"
    heading = "No threshold is suggested" if search.suggestion.rule is Rule.NONE else "Suggested"
    yield from textwrap.wrap(f"{heading}: {search.suggestion.why}", WIDTH, subsequent_indent="  ")


def _as_large(curves: list[Curve], point: Point) -> Iterator[Point]:
    """The circuits of other methods that are as large."""
    for curve in curves:
        yield next(circuit for circuit in (curve.empty, *curve.points, curve.full) if circuit.n_edges == point.n_edges)


def _legend() -> Iterator[str]:
    text = (
        "EAP, EAP-IG: as many edges, those with the largest scores of either sign by attribution; for CPR those with "
        "the largest signed scores, as in MIB. CPR: area under what is recovered over the share of edges, 0.999 for "
        "the full model throughout; CMD: area between that and all of it, 0 is best. beaten: another threshold gives "
        "as few edges and a KL as low."
    )
    yield from textwrap.wrap(text, WIDTH)


def _kl(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _area(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
