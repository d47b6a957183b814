"""A sweep as `sweep.json`, and back.

Owns the form of the file (schema 1). A number that is none, such as a share of nothing, is null.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from acdc_custom.choices import DEFAULT_METHOD, Ranking
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.files.reading import part, read_record, record
from acdc_custom.sweep.curve import SHARES, Curve, Point, end_points
from acdc_custom.sweep.result import Attributed, Case, Searched, Shared, Sweep
from acdc_custom.sweep.suggestion import Rule, Suggestion
from acdc_custom.version import __version__

JSON_NAME = "sweep.json"
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


def load_sweep(where: str | Path) -> Sweep:
    """Read a folder's `sweep.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    path = Path(where)
    path = path / JSON_NAME if path.is_dir() else path
    return read_record(path, SCHEMA, "Give a folder that acdc-custom sweep wrote.", _read)


def _read(content: dict[str, Any]) -> Sweep:
    cases = tuple(_read_case(case) for case in part(content, "cases", list))
    return Sweep(cases, tuple(map(str, part(content, "failed", list))))


def _case(case: Case) -> dict[str, Any]:
    return {
        "task": case.task,
        "model": case.model,
        "settings": asdict(case.settings),
        "n_edges": case.n_edges,
        "full": asdict(case.full),
        "empty": asdict(case.empty),
        "searches": [_search(search) for search in case.searches],
        "attributions": [_attributed(attributed) for attributed in case.attributions],
        "notes": list(case.notes),
    }


def _read_case(content: dict[str, Any]) -> Case:
    full, empty = record(TaskPerformance, content["full"]), record(TaskPerformance, content["empty"])
    ends = end_points(full, empty, int(content["n_edges"]))
    if not part(content, "searches", list):
        raise ValueError("a case has no searches")
    return Case(
        str(content["task"]),
        str(content["model"]),
        record(Shared, content["settings"]),
        full,
        empty,
        tuple(_read_search(search, *ends) for search in part(content, "searches", list)),
        tuple(_read_attributed(attributed, *ends) for attributed in part(content, "attributions", list)),
        tuple(map(str, content.get("notes", ()))),  # files of older versions have none
    )


def _search(search: Searched) -> dict[str, Any]:
    suggestion, curve = search.suggestion, search.curve
    return {
        "method": curve.method,
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
        "points": [{**_point(point), "on_front": point in curve.front} for point in curve.points],
    }


def _read_search(content: dict[str, Any], empty: Point, full: Point) -> Searched:
    points = tuple(
        _read_point({name: value for name, value in row.items() if name != "on_front"})
        for row in part(content, "points", list)
    )
    advice = part(content, "suggestion", dict)
    chosen = next((point for point in points if point.folder == advice["folder"]), None)
    return Searched(
        str(content["metric"]),
        str(content["order"]),
        int(content["order_seed"]),
        Curve(str(content.get("method", DEFAULT_METHOD)), empty, full, points),
        Suggestion(Rule(advice["rule"]), chosen, str(advice["why"])),
    )


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


def _read_attributed(content: dict[str, Any], empty: Point, full: Point) -> Attributed:
    method, rankings = str(content["method"]), part(content, "rankings", dict)
    points = {ranking: tuple(map(_read_point, part(rankings[ranking], "points", list))) for ranking in Ranking}
    return Attributed(method, {ranking: Curve(method, empty, full, points[ranking]) for ranking in Ranking})


def _at_shares(curve: Curve) -> list[float | None]:
    return [_number(curve.at(share).recovered) for share in SHARES]


def _point(point: Point) -> dict[str, Any]:
    return {**asdict(point), "recovered": _number(point.recovered)}


def _read_point(content: dict[str, Any]) -> Point:
    point: Point = record(
        Point, {**content, "recovered": math.nan if content["recovered"] is None else content["recovered"]}
    )
    return point


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
