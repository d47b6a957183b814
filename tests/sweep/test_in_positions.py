"""A sweep in positions: its points are circuits at spans, and so are those of other methods beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from swept import made_up
from tiny import tiny, tiny_hf
from tiny_task import NumberTokenizer, words_alone
from tiny_task import prepared as batch_of

from acdc_custom import SearchSettings, load_model, prepare_batch
from acdc_custom.choices import Ranking
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.search import beside
from acdc_custom.search.beside import Beside
from acdc_custom.search.discover import search
from acdc_custom.search.method import top_edges
from acdc_custom.search.registry import scoring_method
from acdc_custom.sweep import measure
from acdc_custom.sweep.content import load_sweep, to_json
from acdc_custom.sweep.measure import SweepRun, case_of
from acdc_custom.sweep.result import Case, Sweep
from acdc_custom.sweep.search import sweep_thresholds
from acdc_custom.sweep.summary import summarize_sweep
from acdc_custom.sweep.table import to_rows

SETTINGS = SearchSettings.of(n=3, held_out=0, positions=True, threshold=0.02)
NAMES = ((1, 2), (4, 5), (6, 7))
ROWS = [(f" w3 w{a} w{b} w3", f" w3 w{b} w{a} w3", f" w{a}", f" w{b}") for a, b in NAMES]


@pytest.fixture(scope="module")
def prepared() -> PreparedBatch:
    model = load_model((tiny_hf("gpt2", 0, n_layer=2, n_head=2), NumberTokenizer()))
    return prepare_batch(ROWS, model, SETTINGS)


@pytest.fixture(scope="module")
def runs(prepared: PreparedBatch) -> list[SweepRun]:
    """Two thresholds at spans, and one without."""
    asked = {"a": SETTINGS, "b": SETTINGS.with_(threshold=0.2), "plain": SETTINGS.with_(positions=False)}
    return [SweepRun(Path(name), search(prepared, settings)) for name, settings in asked.items()]


@pytest.fixture(scope="module")
def case(prepared: PreparedBatch, runs: list[SweepRun]) -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "methods_beside", lambda *_: Beside((scoring_method("eap"),), ()))
        return case_of(runs[:2], prepared, lambda *_: None)


def test_points_count_edges_at_spans_of_all_edges_at_spans(
    case: Case, runs: list[SweepRun], prepared: PreparedBatch
) -> None:
    names = prepared.tokens.spans.names
    assert case.n_spans == len(names) > 2 and case.n_edges == len(list(prepared.model.graph.edges_at(names)))
    points = {point.folder: point for point in case.searches[0].curve.points}
    for run in runs[:2]:
        inside, point = run.circuit.outcome.circuit, points[run.name]
        assert (point.n_edges, point.kl, point.logit_diff) == (len(run.circuit.edges), inside.kl, inside.logit_diff)
    assert len({point.n_edges for point in points.values()}) == 2


def test_other_methods_beside_it_score_edges_at_spans(case: Case, prepared: PreparedBatch) -> None:
    scores = scoring_method("eap").scores(prepared.chunks, positions=True)
    (attributed,) = case.attributions
    sizes = {point.n_edges for point in attributed.curves[Ranking.ABSOLUTE].points}
    assert sizes >= {point.n_edges for point in case.searches[0].curve.points} - {0}
    for point in attributed.curves[Ranking.ABSOLUTE].points[::3]:
        edges = top_edges(scores, point.n_edges, Ranking.ABSOLUTE)
        normed = [run_circuit(prepared.model, chunk.tokens, edges, chunk.carried) for chunk in prepared.chunks]
        inside = task_performance(prepared.chunks, normed)
        assert (point.kl, point.logit_diff) == pytest.approx((inside.kl, inside.logit_diff), abs=1e-9)


def test_runs_with_and_without_positions_are_cases_of_their_own(runs: list[SweepRun]) -> None:
    together = measure._grouped(runs, measure._batch_of)
    assert [[run.name for run in group] for group in together] == [["a", "b"], ["plain"]]


def test_files_and_words_say_that_it_is_in_positions_and_others_are_as_they_were(case: Case, tmp_path: Path) -> None:
    sweep = Sweep((case, *made_up().cases))
    (tmp_path / "sweep.json").write_text(to_json(sweep))
    assert load_sweep(tmp_path) == sweep
    assert f'"n_spans": {case.n_spans}' in to_json(sweep) and "span" not in to_json(made_up())
    rows = to_rows(sweep)
    assert {row["n_spans"] for row in rows} == {case.n_spans, ""} and "n_spans" not in to_rows(made_up())[0]
    assert {len(row) for row in rows} == {len(rows[0])}
    said = " ".join(summarize_sweep(Sweep((case,))).split())
    assert f"in positions; {case.n_edges:,} edges at {case.n_spans} spans" in said
    assert "positions" not in summarize_sweep(made_up()) and case.about.endswith("in positions")


def test_what_is_left_out_is_had_by_a_command_with_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "MOST_RUNS", 10)
    (note,) = beside.methods_beside(11, 1, True).notes
    assert note.endswith("acdc-custom discover --method edge-effects --edges N --positions")
    assert beside.methods_beside(11, 1).notes == (note.removesuffix(" --positions"),)


def test_a_sweep_in_memory_takes_positions(prepared: PreparedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "methods_beside", lambda *_: Beside((), ()))
    options = {"n": 3, "held_out": 0, "positions": True, "method": "grouped", "progress": False}
    sweep = sweep_thresholds(ROWS, prepared.model, (0.2,), **options)
    alone = search(prepared, SETTINGS.with_(method="grouped", threshold=0.2))
    ((point,),) = (found.curve.points for found in sweep.cases[0].searches)
    assert (point.n_edges, sweep.cases[0].n_spans) == (len(alone.edges), len(alone.spans))


def test_one_span_that_covers_everything_gives_the_sweep_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision for decision, and score for score of the other methods."""
    monkeypatch.setattr(measure, "methods_beside", lambda *_: Beside((scoring_method("eap-ig"),), ()))
    batch = batch_of(tiny("gpt2", 1, n_layer=2, n_head=2), words_alone())
    plain, one = (
        case_of(
            [
                SweepRun(Path(f"{threshold}"), search(batch, SETTINGS.with_(positions=positions, threshold=threshold)))
                for threshold in (0.02, 0.2)
            ],
            batch,
            lambda *_: None,
        )
        for positions in (False, True)
    )
    assert (
        one.n_spans == 1
        and plain.n_spans == 0
        and len({point.n_edges for point in plain.searches[0].curve.points}) == 2
    )
    assert one.attributions == plain.attributions and one.searches == plain.searches
    assert replace(one, n_spans=0) == plain
