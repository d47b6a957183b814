"""Curves of runs that were really done, against the definition of a circuit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from circuits import example_circuit
from small_models import N_EDGES

from acdc_custom.choices import Ranking
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import run_batch
from acdc_custom.errors import UsageError
from acdc_custom.runs.reopen import reopen
from acdc_custom.search import beside
from acdc_custom.search.method import top_edges
from acdc_custom.search.registry import scoring_method, scoring_methods
from acdc_custom.sweep.curve import SHARES, OnTest
from acdc_custom.sweep.measure import SweepRun, _grouped, _search_of, in_paths, measure
from acdc_custom.sweep.result import Sweep
from acdc_custom.task.selection import Draw


@pytest.fixture(scope="module")
def sweep(runs: list[SweepRun]) -> Sweep:
    return measure(runs, ["never"])


def test_runs_on_one_batch_are_one_case_with_a_search_for_each_order(sweep: Sweep) -> None:
    assert [(case.settings.ablation, len(case.searches)) for case in sweep.cases] == [("corrupted", 2), ("zero", 1)]
    assert [search.order for search in sweep.cases[0].searches] == ["original", "reversed"]
    assert sweep.failed == ("never",)


def test_the_points_of_a_search_are_what_its_runs_say(sweep: Sweep, runs: list[SweepRun]) -> None:
    of = {run.name: run.circuit for run in runs}
    for case in sweep.cases:
        for search in case.searches:
            sizes = [point.n_edges for point in search.curve.points]
            assert sizes == sorted(sizes)
            for point in search.curve.points:
                circuit = of[point.folder]
                inside = circuit.outcome.circuit
                assert (point.n_edges, point.kl, point.logit_diff, point.faithfulness, point.threshold) == (
                    len(circuit.edges),
                    inside.kl,
                    inside.logit_diff,
                    circuit.outcome.faithfulness,
                    circuit.settings.threshold,
                )
    assert {point.folder for case in sweep.cases for s in case.searches for point in s.curve.points} == set(of)


def test_the_ends_of_every_curve_are_the_empty_circuit_and_the_model(sweep: Sweep) -> None:
    for case in sweep.cases:
        curves = [search.curve for search in case.searches]
        curves += [curve for attributed in case.attributions for curve in attributed.curves.values()]
        assert {(curve.empty.n_edges, curve.empty.kl, curve.empty.faithfulness) for curve in curves} == {
            (0, case.empty.kl, 0)
        }
        assert {(curve.full.n_edges, curve.full.logit_diff) for curve in curves} == {(N_EDGES, case.full.logit_diff)}


def test_attributions_stand_at_the_sizes_of_the_circuits_and_at_the_shares_of_mib(sweep: Sweep) -> None:
    for case in sweep.cases:
        found = {point.n_edges for search in case.searches for point in search.curve.points}
        asked = sorted((found | {int(share * N_EDGES) for share in SHARES}) - {0, N_EDGES})
        for attributed in case.attributions:
            for curve in attributed.curves.values():
                assert [point.n_edges for point in curve.points] == asked


@pytest.mark.parametrize("number", [0, 1])
def test_a_point_of_an_attribution_is_a_circuit_of_edges(sweep: Sweep, runs: list[SweepRun], number: int) -> None:
    """Run straight from the definition; a head that was knocked out has no edges."""
    case = sweep.cases[number]
    prepared = reopen(
        next(run.folder for run in runs if run.circuit.settings.ablation == case.settings.ablation)
    ).prepared
    graph, knocked_out = prepared.model.graph, set(prepared.knocked_out)
    assert len(knocked_out) == (case.settings.knock_out == "a1.h3")
    gap = case.full.logit_diff - case.empty.logit_diff
    for attributed in case.attributions:
        scores = scoring_method(attributed.method).scores(prepared.chunks)
        for ranking in Ranking:
            for point in attributed.curves[ranking].points[::4]:
                first = top_edges(scores, point.n_edges, ranking)
                edges = sorted(
                    edge for edge in first if not knocked_out & {edge.sender, *graph.nodes_of(edge.receiver)}
                )
                chunks = prepared.chunks
                normed = [run_circuit(prepared.model, chunk.tokens, edges, chunk.carried) for chunk in chunks]
                inside = task_performance(chunks, normed)
                assert point.kl == pytest.approx(inside.kl, rel=1e-5, abs=2e-5)
                assert point.logit_diff == pytest.approx(inside.logit_diff, abs=2e-4)
                assert point.faithfulness == pytest.approx((inside.logit_diff - case.empty.logit_diff) / gap, abs=1e-4)


def test_all_of_the_work_is_told(runs: list[SweepRun], last: tuple[Sweep, dict[str, list[tuple[int, int]]]]) -> None:
    _, told = last
    where = f"ioi in {runs[-1].circuit.model.name}"
    steps = told[f"Other methods, {where}"]
    assert {total for _, total in steps} == {sum(more for more, _ in steps)}
    assert next(iter(told)) == f"Opening {where}"


def test_without_a_run_there_is_no_curve() -> None:
    with pytest.raises(UsageError, match="there is no run"):
        measure([])


def test_a_method_that_would_take_too_long_is_left_out_and_that_is_told(
    runs: list[SweepRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MOST_RUNS", 1_800)  # 310 edges on 6 prompts are 1,860
    (case,) = measure(runs[-1:]).cases
    assert "edge-effects" not in [attributed.method for attributed in case.attributions]
    (note,) = case.notes
    assert note.startswith("Edge effects are left out: 310 edges on 6 prompts are 1,860 runs of a prompt")


def test_all_methods_have_areas_from_the_ranking_that_mib_takes(sweep: Sweep) -> None:
    for case in sweep.cases:
        assert [attributed.method for attributed in case.attributions] == [method.name for method in scoring_methods()]
        assert not case.notes
        for attributed in case.attributions:
            assert attributed.cpr == attributed.curves[Ranking.SIGNED].cpr
            assert attributed.cmd == attributed.curves[Ranking.ABSOLUTE].cmd


def test_runs_of_a_path_are_a_curve_of_their_own_beside_searches_of_the_whole_model() -> None:
    """Told by the folders from whose circuits they start, whatever their folder is called now."""
    circuit = example_circuit()

    def run(folder: str, start: str = "") -> SweepRun:
        origin = circuit.provenance
        settings = origin.settings.with_(start=start)
        return SweepRun(Path(folder), replace(circuit, provenance=replace(origin, settings=settings)))

    path = [run("now/path/0.1"), run("now/path/0.2", "then/path/0.1"), run("now/path/0.3", "then/path/0.2")]
    other = [run("other/0.1"), run("other/0.2"), run("other/elsewhere", "not/given")]
    marked = in_paths([*other, *path])
    assert [each.nested for each in marked] == [False] * 3 + [True] * 3
    assert [[each.name for each in group] for group in _grouped(marked, _search_of)] == [
        ["0.1", "0.2", "elsewhere"],
        ["0.1", "0.2", "0.3"],
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_all_circuits_are_tested_on_the_prompts_that_were_held_out(
    sweep: Sweep, runs: list[SweepRun], number: int
) -> None:
    """Those that were found have the numbers of their runs; those of other methods are run by the definition."""
    case, of = sweep.cases[number], {run.name: run for run in runs}
    found = [point for search in case.searches for point in search.curve.points]
    assert case.test is not None and case.test.n == 4
    for point in found:
        test = of[point.folder].circuit.test
        assert test is not None and point.test == OnTest.of(test) and case.test.full == test.model
    origin = reopen(of[found[0].folder].folder)
    batch = origin.prepared.task.select(
        origin.prepared.model.tokenizer, origin.circuit.settings.prompts, draw=Draw.TEST
    )
    assert not {prompt.clean for prompt in batch.prompts} & {p.clean for p in origin.prepared.batch.prompts}
    prepared = run_batch(
        origin.prepared.task,
        batch,
        origin.prepared.model,
        origin.prepared.ablation,
        None,
        knocked_out=origin.prepared.knocked_out,
    )
    graph, knocked_out = prepared.model.graph, set(prepared.knocked_out)
    sizes = {point.n_edges for point in found} - {0}
    for attributed in case.attributions[:3]:
        scores = scoring_method(attributed.method).scores(origin.prepared.chunks)
        curve = attributed.curves[Ranking.ABSOLUTE]
        assert {point.n_edges for point in curve.points if point.test} == sizes
        assert not any(point.test for point in attributed.curves[Ranking.SIGNED].points)
        for point in curve.points:
            if point.test:
                first = top_edges(scores, point.n_edges, Ranking.ABSOLUTE)
                edges = sorted(
                    edge for edge in first if not knocked_out & {edge.sender, *graph.nodes_of(edge.receiver)}
                )
                normed = [run_circuit(prepared.model, chunk.tokens, edges, chunk.carried) for chunk in prepared.chunks]
                inside = task_performance(prepared.chunks, normed)
                assert point.test.kl == pytest.approx(inside.kl, rel=1e-5, abs=2e-5)
                assert point.test.logit_diff == pytest.approx(inside.logit_diff, abs=2e-4)


def test_a_circuit_whose_run_was_not_tested_is_tested_now_and_without_prompts_none_is(
    runs: list[SweepRun], last: tuple[Sweep, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "scoring_methods", lambda: (scoring_method("eap"),))
    run = runs[-1]
    untested = replace(run, circuit=replace(run.circuit, test=None))
    (tested,), (before,) = (sweep.cases[0].searches[0].curve.points for sweep in (measure([untested]), last[0]))
    assert tested.test is not None and before.test is not None
    assert (tested.test.kl, tested.test.logit_diff) == pytest.approx((before.test.kl, before.test.logit_diff), abs=1e-5)
    origin = run.circuit.provenance
    settings = origin.settings.with_(held_out=0)
    alone = replace(run, circuit=replace(run.circuit, provenance=replace(origin, settings=settings)))
    (case,) = measure([alone]).cases
    points = [*case.searches[0].curve.points, *case.attributions[0].curves[Ranking.ABSOLUTE].points]
    assert case.test is None and {point.test for point in points} == {None}
