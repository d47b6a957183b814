"""What lies beside a circuit is read if it is about this very circuit, and refused in a line if it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import circuit_of, example_circuit
from report_contents import evaluation_about
from studies import FOUR, ORDERS, SHAPE, runs_of, study

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import ResultError
from acdc_custom.evaluate.content import save
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.report.beside import RelatedResults, read_beside
from acdc_custom.report.write import write_report
from acdc_custom.stability.consensus import consensus_edges
from acdc_custom.stability.content import to_json
from acdc_custom.stability.record import Stability


@pytest.fixture
def stability() -> Stability:
    """Of four runs, and of two more that vary the order alone and keep another edge."""
    return study([*runs_of(FOUR), *(replace(run, name=f"o-{run.name}") for run in runs_of([OTHER, OTHER], ORDERS))])


OTHER = {("m1", "logits"): 1.0, ("embed", "m0"): 0.5}


def consensus_of(stability: Stability, share: float = 0.5) -> Circuit:
    circuit = circuit_of(SHAPE, FOUR[0])
    edges = consensus_edges(stability.shares["edges"], share)
    return replace(circuit, edges=edges, search=replace(circuit.search, runs=4, share=share))


def put(stability: Stability, folder: Path, name: str) -> Path:
    """A circuit's folder within the study's."""
    (folder / "stability.json").write_text(to_json(stability), encoding="utf-8")
    (folder / name).mkdir()
    return folder / name


def test_where_nothing_lies_there_is_nothing(tmp_path: Path) -> None:
    assert read_beside(tmp_path, example_circuit()) == RelatedResults(str(tmp_path), None, None)


def test_an_evaluation_of_the_circuit_is_read(tmp_path: Path) -> None:
    evaluation = evaluation_about(example_circuit())
    save(evaluation, tmp_path)
    assert read_beside(tmp_path, example_circuit()).evaluation == evaluation


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda e: replace(e, source=replace(e.source, task="other")), "the task is not the same"),
        (lambda e: replace(e, source=replace(e.source, weights_sha256="00")), "the model is not the same"),
        (lambda e: replace(e, source=replace(e.source, batch_sha256="00")), "the prompts are not the same"),
        (lambda e: replace(e, source=replace(e.source, ablation="zero", n_edges=9)), "the ablation and the edges are"),
        (lambda e: evaluation_about(circuit_of(SHAPE, {**dict.fromkeys(FOUR[0], 1.0), **OTHER})), "the edges are not"),
    ],
)
def test_an_evaluation_of_another_circuit_is_refused(
    change: Callable[[Evaluation], Evaluation], what: str, tmp_path: Path
) -> None:
    save(change(evaluation_about(example_circuit())), tmp_path)
    with pytest.raises(ResultError, match=f"{what}.*acdc-custom evaluate {tmp_path}"):
        read_beside(tmp_path, example_circuit())


def test_a_damaged_evaluation_is_refused_before_the_model_is_opened(tmp_path: Path) -> None:
    example_circuit().save(tmp_path)  # whose task file and model there are not
    (tmp_path / "evaluation.json").write_text("{")
    steps: list[str] = []
    with pytest.raises(ResultError, match=r"evaluation.json is damaged: .* Make it with: acdc-custom evaluate"):
        write_report(tmp_path, on_progress=lambda what, *_: steps.append(what))
    assert not steps and not (tmp_path / "report.html").exists()


def test_a_study_is_read_for_its_consensus_and_for_each_of_its_runs(stability: Stability, tmp_path: Path) -> None:
    where = put(stability, tmp_path, "consensus")
    assert read_beside(where, consensus_of(stability)).stability == stability
    for number, effects in enumerate(FOUR, 1):
        (tmp_path / f"run-{number}").mkdir()
        assert read_beside(tmp_path / f"run-{number}", circuit_of(SHAPE, effects)).stability == stability
    (tmp_path / "o-run-1").mkdir()
    assert read_beside(tmp_path / "o-run-1", circuit_of(SHAPE, OTHER)).stability == stability


def test_a_study_that_a_circuit_is_not_of_is_not_read(stability: Stability, tmp_path: Path) -> None:
    assert read_beside(put(stability, tmp_path, "mine"), circuit_of(SHAPE, FOUR[0])).stability is None


def test_a_folder_is_known_by_its_name_wherever_one_stands(
    stability: Stability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(put(stability, tmp_path, "run-1"))
    assert read_beside(Path(), circuit_of(SHAPE, FOUR[0])).stability == stability


def test_a_study_of_other_circuits_is_refused(stability: Stability, tmp_path: Path) -> None:
    where = put(stability, tmp_path, "consensus")
    with pytest.raises(ResultError, match=r"stability.json is about other circuits .*: the edges are not the same"):
        read_beside(where, consensus_of(stability, share=1.0))
    (tmp_path / "run-2").mkdir()
    with pytest.raises(ResultError, match="the edges are not the same"):
        read_beside(tmp_path / "run-2", circuit_of(SHAPE, {**FOUR[0], ("m0", "m1"): 1.0}))
    circuit = consensus_of(stability)
    moved = replace(circuit.provenance, model=replace(circuit.model, weights_sha256="00"))
    with pytest.raises(ResultError, match="the model is not the same"):
        read_beside(where, replace(circuit, provenance=moved))
