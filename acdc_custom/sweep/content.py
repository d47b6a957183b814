"""A sweep as `sweep.json` and as rows of `sweep.csv`.

Owns the form of both (schema 1). A number that is none, such as a share of nothing, is null, and an empty cell.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from acdc_custom import __version__
from acdc_custom.analyses.table import Row
from acdc_custom.choices import Ranking
from acdc_custom.sweep.curve import SHARES, Curve, Point
from acdc_custom.sweep.result import Attributed, Case, Searched, Sweep

SCHEMA = 1


def to_json(sweep: Sweep) -> str:
    """The text of `sweep.json`."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "acdc-custom": __version__,
        "shares": list(SHARES),
        "failed": list(sweep.failed),
        "cases": [_case(case) for case in sweep.cases],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_rows(sweep: Sweep) -> list[Row]:
    """A row per circuit: those of each search, then those of the attributions."""
    return [row for case in sweep.cases for row in _rows(case)]


def _case(case: Case) -> dict[str, Any]:
    return {
        "task": case.task,
        "model": case.model,
        **case.shared,
        "edges": case.n_edges,
        "full": asdict(case.full),
        "empty": asdict(case.empty),
        "searches": [_search(search) for search in case.searches],
        "attributions": [_attributed(attributed) for attributed in case.attributions],
    }


def _search(search: Searched) -> dict[str, Any]:
    suggestion, curve = search.suggestion, search.curve
    return {
        "metric": search.metric,
        "unit": search.unit,
        "order": search.order,
        "order_seed": search.order_seed,
        "suggestion": {
            "rule": suggestion.rule,
            "threshold": suggestion.point and suggestion.point.threshold,
            "folder": suggestion.point and suggestion.point.folder,
            "why": suggestion.why,
        },
        "cpr": _number(curve.cpr),
        "cmd": _number(curve.cmd),
        "recovered_at_shares": _at_shares(curve),
        "points": [
            {"threshold": point.threshold, "folder": point.folder, **_point(point), "on_front": point in curve.front}
            for point in curve.points
        ],
    }


def _attributed(attributed: Attributed) -> dict[str, Any]:
    return {
        "method": attributed.method,
        "cpr": _number(attributed.cpr),
        "cmd": _number(attributed.cmd),
        "rankings": {
            ranking: {"recovered_at_shares": _at_shares(curve), "points": [_point(point) for point in curve.points]}
            for ranking, curve in attributed.curves.items()
        },
    }


def _at_shares(curve: Curve) -> list[float | None]:
    return [_number(curve.at(share).recovered) for share in SHARES]


def _point(point: Point) -> dict[str, Any]:
    return {
        "edges": point.n_edges,
        "kl": point.kl,
        "logit_diff": point.logit_diff,
        "recovered": _number(point.recovered),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rows(case: Case) -> Iterator[Row]:
    for search in case.searches:
        chosen, front = search.suggestion.point, search.curve.front
        for point in search.curve.points:
            yield _row(case, search.curve.method, point, search=search, front=point in front, chosen=point == chosen)
    for attributed in case.attributions:
        for ranking, curve in attributed.curves.items():
            for point in curve.points:
                yield _row(case, curve.method, point, ranking=ranking)


def _row(
    case: Case,
    method: str,
    point: Point,
    search: Searched | None = None,
    ranking: Ranking | None = None,
    front: bool | None = None,
    chosen: bool | None = None,
) -> Row:
    """What a method does not have is left empty."""
    cells: dict[str, Any] = {
        "task": case.task,
        "model": case.model,
        **case.shared,
        "method": method,
        "metric": search and search.metric,
        "order": search and search.order,
        "order_seed": search and search.order_seed,
        "ranking": ranking,
        "threshold": point.threshold,
        **_point(point),
        "share": point.n_edges / case.n_edges,
        "on_front": None if front is None else int(front),
        "suggested": None if chosen is None else int(chosen),
        "folder": point.folder,
    }
    return {name: "" if value is None else value for name, value in cells.items()}
