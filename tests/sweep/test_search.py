"""A sweep in memory finds what single searches find."""

from __future__ import annotations

import pytest

from acdc_custom import SearchSettings, prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.search.beside import Beside
from acdc_custom.search.discover import search
from acdc_custom.sweep import measure
from acdc_custom.sweep.search import sweep_thresholds


def test_the_points_of_a_sweep_are_the_circuits_of_single_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "methods_beside", lambda *_: Beside((), ()))
    settings = SearchSettings.of(n=2, method="grouped", threshold=0.2)
    prepared = prepare_batch("latest_s", "demo-4l", settings)
    alone = search(prepared, settings)
    sweep = sweep_thresholds("latest_s", thresholds=(0.5, 0.2, 0.5), n=2, method="grouped", progress=False)
    ((searched,),) = (case.searches for case in sweep.cases)
    found = {point.threshold: point for point in searched.curve.points}
    assert sorted(found) == [0.2, 0.5]
    assert (found[0.2].n_edges, found[0.2].kl) == (len(alone.edges), alone.outcome.circuit.kl)
    assert sweep.cases[0].full == prepared.full and found[0.2].folder == ""


def test_a_sweep_needs_thresholds_and_takes_no_single_one() -> None:
    with pytest.raises(UsageError, match="no threshold was given"):
        sweep_thresholds("latest_s", thresholds=())
    with pytest.raises(UsageError, match="threshold is of one search"):
        sweep_thresholds("latest_s", threshold=0.1)


def test_a_path_in_memory_searches_within_the_circuit_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "methods_beside", lambda *_: Beside((), ()))
    options: dict[str, object] = {"n": 2, "method": "grouped", "positions": True}
    settings = SearchSettings.of(**options, threshold=0.2)
    prepared = prepare_batch("latest_s", "demo-4l", settings)
    before = search(prepared, settings)
    circuit = search(prepared, settings.with_(threshold=0.5), start=before)
    assert {kept.edge for kept in circuit.edges} < {kept.edge for kept in before.edges}
    sweep = sweep_thresholds("latest_s", thresholds=(0.5, 0.2), progress=False, path=True, **options)
    ((searched,),) = (case.searches for case in sweep.cases)
    assert searched.nested and searched.name == "metric kl, order original, nested circuits"
    assert [(point.threshold, point.n_edges, point.kl) for point in searched.curve.points] == [
        (0.5, len(circuit.edges), circuit.outcome.circuit.kl),
        (0.2, len(before.edges), before.outcome.circuit.kl),
    ]
