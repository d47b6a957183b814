"""A sweep as rows of `sweep.csv`.

Owns its columns. What a method does not have, and a number that is none, is an empty cell. Where any case is in
positions, all rows say at how many spans edges are counted; where any search is a path, all rows say whether theirs is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from acdc_custom.choices import Ranking
from acdc_custom.files.table import Row
from acdc_custom.sweep.curve import OnTest, Point
from acdc_custom.sweep.result import Case, Searched, Sweep


def to_rows(sweep: Sweep) -> list[Row]:
    """A row per circuit: those of each search, then those of the attributions."""
    rows = [(case, search, row) for case in sweep.cases for search, row in _rows(case)]
    spans = any(case.n_spans for case in sweep.cases)
    nested = any(search.nested for case in sweep.cases for search in case.searches)
    return [
        {
            **row,
            **({"n_spans": case.n_spans or ""} if spans else {}),
            **({"nested": "" if search is None else int(search.nested)} if nested else {}),
        }
        for case, search, row in rows
    ]


def _rows(case: Case) -> Iterator[tuple[Searched | None, Row]]:
    """With the search that found the circuit; None: a method's score of edges did."""
    for search in case.searches:
        chosen, front = search.suggestion.point, search.curve.front
        for point in search.curve.points:
            row = _row(case, search.curve.method, point, search=search, front=point in front, chosen=point == chosen)
            yield search, row
    for attributed in case.attributions:
        for ranking, curve in attributed.curves.items():
            for point in curve.points:
                yield None, _row(case, curve.method, point, ranking=ranking)


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
        **asdict(case.settings),
        "method": method,
        "metric": search and search.metric,
        "order": search and search.order,
        "order_seed": search and search.order_seed,
        "ranking": ranking,
        "threshold": point.threshold,
        "n_edges": point.n_edges,
        "share": point.n_edges / case.n_edges,
        "kl": point.kl,
        "logit_diff": point.logit_diff,
        "faithfulness": point.faithfulness if math.isfinite(point.faithfulness) else None,
        "on_front": None if front is None else int(front),
        "suggested": None if chosen is None else int(chosen),
        "folder": point.folder,
        **_test_cells(point.test),
    }
    return {name: "" if value is None else value for name, value in cells.items()}


def _test_cells(test: OnTest | None) -> dict[str, Any]:
    share = test and test.faithfulness
    return {
        "test_kl": test and test.kl,
        "test_logit_diff": test and test.logit_diff,
        "test_faithfulness": share and share.value,
        "test_low": share and share.low,
        "test_high": share and share.high,
    }
