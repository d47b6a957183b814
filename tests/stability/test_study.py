"""A study of a small model: what is written is a circuit like any other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from commands import run_command

from acdc_custom.choices import Order, Variation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.errors import ResultError
from acdc_custom.model.open import open_model
from acdc_custom.runs.folder import RunRequest
from acdc_custom.search.discover import provenance, search
from acdc_custom.stability.content import load_stability, write_stability
from acdc_custom.stability.plan import plan_runs
from acdc_custom.stability.record import FinishedRun
from acdc_custom.stability.study import Study, study_runs
from acdc_custom.task import load_task

CHOICES = SearchSettings(threshold=0.1)
N = 6


@dataclass(frozen=True)
class Made:
    """A study, the prompts that all runs drew from, its runs and its folder."""

    study: Study
    base: PreparedBatch
    runs: list[FinishedRun]
    folder: Path


@pytest.fixture(scope="module")
def made(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    model, task = open_model(small_model), load_task("ioi")
    folder = tmp_path_factory.mktemp("stability")
    plan = plan_runs((Variation.PROMPTS, Variation.ORDERS, Variation.TEMPLATES), 3, 0, task.n_templates, seed=0)
    runs = []
    for draw in plan.draws:
        prepared = prepare_batch(task, model, n=N, templates=draw.templates, resample=draw.resample)
        circuit = search(prepared, SearchSettings(threshold=0.1, order=Order.RANDOM, order_seed=draw.order_seed or 0))
        circuit.save(folder / draw.name)
        runs.append(FinishedRun(draw.name, draw.varied, circuit))
    base = prepare_batch(task, model, n=N)
    steps = count()
    origin = provenance(base, CHOICES)
    found = study_runs(runs, base, origin, 0.6, plan.notes, lambda: next(steps))
    assert next(steps) == len(runs) + len(found.stability.curve)
    request = RunRequest("ioi", small_model, model.graph.n_edges, base.memory, origin)
    write_stability(found.stability, found.consensus, request, folder)
    return Made(found, base, runs, folder)


def test_the_folder_has_every_file_and_the_record_reloads(made: Made) -> None:
    names = {path.name for path in made.folder.iterdir() if not path.name.startswith("all-")}
    assert names == {"stability.json", "edges.csv", "heads.csv", "stability.svg", "edges.svg", "consensus"}
    files = {path.name for path in (made.folder / "consensus").iterdir()}
    assert files == {"circuit.json", "circuit.svg", "circuit.dot", "run.json"}
    assert load_stability(made.folder) == made.study.stability


def test_the_consensus_is_what_it_is_said_to_be_and_does_what_the_definition_does(made: Made) -> None:
    consensus = Circuit.load(made.folder / "consensus")
    assert consensus == made.study.consensus
    kept = [{k.edge: k.effect for k in run.circuit.edges} for run in made.runs]
    often = {edge for edges in kept for edge in edges if sum(edge in other for other in kept) >= 2}
    assert {k.edge for k in consensus.edges} == often and often
    for k in consensus.edges:
        effects = [edges[k.edge] for edges in kept if k.edge in edges]
        assert k.effect == pytest.approx(sum(effects) / len(effects))
    base = made.base
    normed = [run_circuit(base.model, chunk.tokens, often, chunk.carried) for chunk in base.chunks]
    plain = task_performance(base.chunks, normed)
    assert consensus.outcome.circuit.kl == pytest.approx(plain.kl, abs=1e-5)
    assert consensus.outcome.circuit.logit_diff == pytest.approx(plain.logit_diff, abs=1e-4)
    assert consensus.outcome.metric_after == pytest.approx(plain.kl, abs=1e-5), "the metric is KL"
    assert consensus.outcome.metric_before == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("changed", ["task", "model"])
def test_runs_of_something_else_are_refused(made: Made, changed: str) -> None:
    first, *others = made.runs
    origin = first.circuit.provenance
    other = {
        "task": replace(origin, task=replace(origin.task, sha256="0" * 64)),
        "model": replace(origin, model=replace(origin.model, weights_sha256="0" * 64)),
    }[changed]
    runs = [replace(first, circuit=replace(first.circuit, provenance=other)), *others]
    with pytest.raises(ResultError, match=f"all-001 was made with something else: the {changed}"):
        study_runs(runs, made.base, origin)


def test_the_search_record_is_that_of_all_runs_together(made: Made) -> None:
    record = made.study.consensus.search
    searches = [run.circuit.search for run in made.runs]
    assert (record.runs, record.share) == (3, 0.6)
    assert record.evaluations == sum(search.evaluations for search in searches)
    assert sum(record.decided.values()) == 3 * made.study.consensus.graph.n_edges
    assert record.seconds == pytest.approx(sum(search.seconds for search in searches))


def test_what_a_single_run_is_said_to_do_is_on_the_prompts_that_all_drew_from(made: Made) -> None:
    first = made.study.stability.runs[0]
    base = made.base
    edges = [kept.edge for kept in made.runs[0].circuit.edges]
    plain = task_performance(base.chunks, [run_circuit(base.model, c.tokens, edges, c.carried) for c in base.chunks])
    assert first.behaviour.logit_diff == pytest.approx(plain.logit_diff, abs=1e-4)
    assert first.sizes[Part.EDGES] == len(edges)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show",), "consensus of 3 runs, edges kept by at least 60%"),
        (("draw", "--out", "again.png"), "again.png"),
        pytest.param(
            ("compare", "all-001", "--without-model", "--draws", "20"), "A  consensus", marks=pytest.mark.slow
        ),
        (("compare", "all-001", "--draws", "20", "--out", "crossed"), "of the edges in a row alone"),
        (("roles",), "consensus/heads.csv"),
        pytest.param(("report",), "report.html", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_what_reads_runs_reads_a_consensus(
    made: Made,
    args: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(made.folder)
    # They take the longest, and are those of any circuit.
    monkeypatch.setattr("acdc_custom.report.measure.analysis_figures", lambda run, on_progress: ())
    command, *rest = args
    code, out, err = run_command(capsys, command, "consensus", *rest)
    assert (code, said in out) == (0, True), out + err


def test_a_consensus_is_not_gone_on_with(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run_command(capsys, "resume", str(made.folder / "consensus"))
    assert code == 1 and "has ended" in err
