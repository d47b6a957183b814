"""A sweep as text for the terminal.

Owns the words and the columns there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from acdc_custom.choices import Ranking
from acdc_custom.errors import count
from acdc_custom.files.columns import left, paragraph, right, table, whole
from acdc_custom.sweep.curve import Curve, Point
from acdc_custom.sweep.result import Case, Searched, Sweep
from acdc_custom.sweep.suggestion import Rule


def summarize_sweep(sweep: Sweep) -> str:
    """For each case and search a table over thresholds, and the threshold to take; then all methods at these sizes."""
    lines = [line for case in sweep.cases for line in _case(case)]
    nested = any(search.nested for case in sweep.cases for search in case.searches)
    return "\n".join([*lines, *_legend(nested)])


def _case(case: Case) -> Iterator[str]:
    at = f" at {case.n_spans} spans" if case.n_spans else ""
    yield from paragraph(f"{case.name}: {case.about}; {case.n_edges:,} edges{at}")
    yield from paragraph(
        f"Logit difference {case.full.logit_diff:.2f}, without edges {case.empty.logit_diff:.2f}; "
        f"the answer is preferred in {case.full.correct:.0%} of the prompts; KL without edges {case.empty.kl:.3g} nats"
    )
    if test := case.test:
        yield from paragraph(
            f"On {count(test.n, 'test prompt')}, which the searches have not seen: logit difference "
            f"{test.full.logit_diff:.2f}, without edges {test.empty.logit_diff:.2f}; KL without edges "
            f"{test.empty.kl:.3g} nats"
        )
    for search in case.searches:
        yield ""
        yield from _search(case, search)
        yield from _methods(case, search)
    for note in case.notes:
        yield from paragraph(f"Note: {note}", later="  ")
    yield ""
    yield ""


def _search(case: Case, search: Searched) -> Iterator[str]:
    """Without prompts that were held out there is no column of what is recovered on these."""
    yield f"{search.title}, {search.name}"
    front = search.curve.front
    tested = bool(case.test)
    rows = []
    for point in _from_largest(search):
        mark = "<- suggested" if point == search.suggestion.point else "" if point in front else "beaten"
        size = (f"{point.n_edges:,}", f"{point.n_edges / case.n_edges:.2%}")
        on_test = (_interval(point),) * tested
        rows.append((f"{point.threshold:.4g}", *size, _kl(point.kl), _share(point.faithfulness), *on_test, mark))
    names = ("threshold", "edges", "share", "KL (nats)", "recovered", *("on test prompts",) * tested)
    yield from table((*map(right, names), left()), rows, indent=2)
    heading = "No threshold is suggested" if search.suggestion.rule is Rule.NONE else "Suggested"
    yield from paragraph(f"{heading}: {search.suggestion.why}", later="  ")


def _methods(case: Case, search: Searched) -> Iterator[str]:
    """All methods at the sizes of the search's circuits, each with two columns: KL, and what is recovered."""
    shown = [
        (search.title, search.curve, search.curve.cpr, search.curve.cmd),
        *((a.title, a.curves[Ranking.ABSOLUTE], a.cpr, a.cmd) for a in case.attributions),
    ]
    sizes = {point.n_edges: point for point in _from_largest(search)}
    as_large = {n_edges: [_as_large(curve, n_edges, own) for _, curve, *_ in shown] for n_edges, own in sizes.items()}
    rows = [
        [f"{n_edges:,}", *(cell for at in circuits for cell in (_kl(at.kl), _share(at.faithfulness)))]
        for n_edges, circuits in as_large.items()
    ]
    rows.append(["CPR", *(cell for *_, cpr, _ in shown for cell in ("", _area(cpr)))])
    rows.append(["CMD", *(cell for *_, cmd in shown for cell in ("", _area(cmd)))])
    columns = (right("edges"), *(right("", title) for title, *_ in shown for _ in range(2)))
    yield ""
    yield from paragraph("As many edges by each method: KL from the model (nats), and logit difference recovered")
    yield from table(columns, rows, indent=2)
    largest = max(sizes)
    share = f"{largest / case.n_edges:.2%}"
    yield from paragraph(
        f"from {share} of the edges on, the areas of {search.title} are those of its largest circuit",
        " " * 11,
        " " * 11,
    )
    if case.test:
        yield ""
        yield from paragraph(f"The same on the {count(case.test.n, 'test prompt')}, which the searches have not seen")
        tested = [
            [f"{n_edges:,}", *(cell for at in circuits for cell in _on_test(at))]
            for n_edges, circuits in as_large.items()
            if n_edges
        ]
        yield from table(columns, tested, indent=2)


def _from_largest(search: Searched) -> list[Point]:
    """The circuits of a search, from the largest threshold to the smallest."""
    return sorted(search.curve.points, key=lambda point: -(point.threshold or 0))


def _as_large(curve: Curve, n_edges: int, own: Point) -> Point:
    """A method's circuit of this size: the search's own, if it is its curve."""
    if own in curve.points:
        return own
    return next(circuit for circuit in (curve.empty, *curve.points, curve.full) if circuit.n_edges == n_edges)


def _legend(nested: bool) -> Iterator[str]:
    text = (
        "Methods that score edges (see acdc-custom discover --help) have as many edges, those with the largest scores "
        "of either sign; for CPR those with the largest signed scores, as in MIB. CPR: area under what is recovered "
        "over the share of edges, 0.999 for the full model throughout; CMD: area between that and all of it, 0 is "
        "best. beaten: another threshold gives as few edges and a KL as low."
    )
    if nested:
        text += (
            " Nested circuits: every search but that of the smallest threshold decides only the edges that the one "
            "before it has left."
        )
    yield from paragraph(text)


def _kl(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:z.0%}"


def _interval(point: Point) -> str:
    """What is recovered on test prompts: `85% (80 to 91)`."""
    its = point.test and point.test.faithfulness
    return whole(f"{its.value:z.0%} ({100 * its.low:z.0f} to {100 * its.high:z.0f})") if its else "-"


def _on_test(point: Point) -> tuple[str, str]:
    """KL and what is recovered."""
    if point.test is None:
        return "-", "-"
    its = point.test.faithfulness
    return _kl(point.test.kl), _share(math.nan if its is None else its.value)


def _area(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
