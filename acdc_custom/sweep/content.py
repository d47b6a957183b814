"""The files of a sweep: `sweep.json`, which loads back, `sweep.csv` and `sweep.svg`, beside the folders of its runs.

Owns their names, and the form of the first (schema 1). A number that is none, such as a share of nothing, is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.choices import Ranking
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts, to_plain
from acdc_custom.files.table import write_csv
from acdc_custom.files.writing import write_file
from acdc_custom.sweep.curve import SHARES, Curve, Point, end_points
from acdc_custom.sweep.result import Attributed, Case, Searched, Shared, Sweep, TestPrompts
from acdc_custom.sweep.suggestion import Rule, Suggestion
from acdc_custom.sweep.table import to_rows
from acdc_custom.version import __version__

JSON_NAME, TABLE_NAME, PICTURE_NAME = "sweep.json", "sweep.csv", "sweep.svg"
SCHEMA = 1


def to_json(sweep: Sweep) -> str:
    """The text of `sweep.json`."""
    content = {
        "acdc-custom": __version__,
        "shares": SHARES,
        "failed": sweep.failed,
        "cases": [_case(case) for case in sweep.cases],
    }
    return records.to_json(SCHEMA, content)


def load_sweep(where: str | Path) -> Sweep:
    """Read a folder's `sweep.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    return read_record(file_in(where, JSON_NAME), SCHEMA, "Give a folder that acdc-custom sweep wrote.", _read)


def write_sweep(sweep: Sweep, folder: str | Path) -> list[Path]:
    """Write all three, over those of an earlier analysis; gives their paths. Raises `ResultError`."""
    from acdc_custom.sweep.picture import draw_sweep  # draws: reading has no need of it

    folder = Path(folder)
    return [
        write_file(folder / JSON_NAME, to_json(sweep)),
        write_csv(folder / TABLE_NAME, to_rows(sweep)),
        draw_sweep(sweep).save(folder / PICTURE_NAME),
    ]


def _read(content: dict[str, Any]) -> Sweep:
    whole = Parts(content)
    return Sweep(tuple(map(_read_case, whole.each("cases"))), whole.read("failed", tuple[str, ...]))


def _case(case: Case) -> dict[str, Any]:
    return {
        "task": case.task,
        "model": case.model,
        "settings": case.settings,
        "n_edges": case.n_edges,
        "full": case.full,
        "empty": case.empty,
        "searches": [_search(search) for search in case.searches],
        "attributions": [_attributed(attributed) for attributed in case.attributions],
        "notes": list(case.notes),
        **({"n_spans": case.n_spans} if case.n_spans else {}),
        **({"test": case.test} if case.test else {}),
    }


def _read_case(row: Parts) -> Case:
    full, empty = row.read("full", TaskPerformance), row.read("empty", TaskPerformance)
    ends = end_points(full, empty, row.read("n_edges", int))
    if not row.each("searches"):
        raise ValueError(f"{row.place} has no searches")
    return Case(
        row.read("task", str),
        row.read("model", str),
        row.read("settings", Shared),
        full,
        empty,
        tuple(_read_search(search, *ends) for search in row.each("searches")),
        tuple(_read_attributed(attributed, *ends) for attributed in row.each("attributions")),
        row.read("notes", tuple[str, ...]),
        row.read("n_spans", int) if "n_spans" in row.content else 0,
        row.read("test", TestPrompts) if "test" in row.content else None,
    )


def _search(search: Searched) -> dict[str, Any]:
    suggestion, point, curve = search.suggestion, search.suggestion.point, search.curve
    return {
        "method": curve.method,
        "metric": search.metric,
        "unit": search.unit,
        "order": search.order,
        "order_seed": search.order_seed,
        "suggestion": _Advice(
            suggestion.rule,
            point.threshold if point else None,
            point.folder if point else None,
            suggestion.why,
        ),
        "cpr": curve.cpr,
        "cmd": curve.cmd,
        "faithfulness_at_shares": _at_shares(curve),
        "points": [{**to_plain(each), "on_front": each in curve.front} for each in curve.points],
        **({"nested": True} if search.nested else {}),
    }


@dataclass(frozen=True)
class _Advice:
    """A suggestion, as the file has it: its point is one of the curve's."""

    rule: Rule
    threshold: float | None
    folder: str | None
    why: str


def _read_search(row: Parts, empty: Point, full: Point) -> Searched:
    points, advice = row.records("points", Point, beside=("on_front",)), row.read("suggestion", _Advice)
    chosen = next((point for point in points if point.folder == advice.folder), None)
    return Searched(
        row.read("metric", str),
        row.read("order", str),
        row.read("order_seed", int),
        Curve(row.read("method", str), empty, full, points),
        Suggestion(advice.rule, chosen, advice.why),
        row.read("nested", bool) if "nested" in row.content else False,
    )


def _attributed(attributed: Attributed) -> dict[str, Any]:
    return {
        "method": attributed.method,
        "cpr": attributed.cpr,
        "cmd": attributed.cmd,
        "rankings": {
            ranking: {"faithfulness_at_shares": _at_shares(curve), "points": curve.points}
            for ranking, curve in attributed.curves.items()
        },
    }


def _read_attributed(row: Parts, empty: Point, full: Point) -> Attributed:
    method, rankings = row.read("method", str), row.within("rankings")
    points = {ranking: rankings.within(ranking.value).records("points", Point) for ranking in Ranking}
    return Attributed(method, {ranking: Curve(method, empty, full, points[ranking]) for ranking in Ranking})


def _at_shares(curve: Curve) -> list[float]:
    return [curve.at(share).faithfulness for share in SHARES]
