"""Searches find the circuits that were built, and what is said of those circuits is true."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from acdc_custom.choices import Ablation, Metric
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import prepare
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.known.content import to_json
from acdc_custom.known.model import KnownModel
from acdc_custom.known.picture import draw
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.table import lines, to_rows
from acdc_custom.known.trial import (
    ABLATIONS,
    THRESHOLDS,
    batch_of,
    case_of,
    known_models,
    n_steps,
    run_method,
    run_trials,
)
from acdc_custom.search.method import SearchMethod
from acdc_custom.search.methods import acdc, eap, eap_ig, eap_ig_activations, edge_effects
from acdc_custom.search.registry import methods

REVERSE, FRACTION, IOI = 0, 1, 2
REST = Edge(Sender.parse("embed"), Receiver.parse("a1.h1.k"))
KEYS = Edge(Sender.parse("a0.h1"), Receiver.parse("a1.h1.k"))


@pytest.fixture(scope="module")
def models() -> list[KnownModel]:
    return known_models(24, 0)


@pytest.fixture(scope="module")
def trials(models: list[KnownModel]) -> dict[tuple[str, Ablation], BenchmarkResult]:
    return {
        (known.name, ablation): run_method(case_of(known, ablation), acdc.METHOD)
        for known in models
        for ablation in ABLATIONS
    }


def metric(known: KnownModel, ablation: Ablation, kept: set[Edge]) -> float:
    """Straight from the definition of a circuit."""
    caches = batch_of(known, ablation)
    objective = prepare(known.metric, known.model.weights, caches.tokens, caches.model_normed)
    return float(objective(run_circuit(known.model, caches.tokens, kept, caches.carried)[None]).mean())


def names(edges: set[Edge] | frozenset[Edge] | dict[Edge, tuple[str, ...]]) -> set[str]:
    return set(map(str, edges))


def test_the_circuit_of_the_handmade_model_is_the_one_on_paper(models: list[KnownModel]) -> None:
    expected = {
        "a2.h0 -> logits", "a2.h1 -> logits",
        *(f"embed -> a2.h{head}.{port}" for head in (0, 1) for port in "qkv"),
        *(f"a1.h1 -> a2.h{head}.q" for head in (0, 1)),
        "embed -> a1.h1.q", "embed -> a1.h1.k", "a0.h1 -> a1.h1.k", "a0.h1 -> a1.h1.v",
        *(f"embed -> a0.h1.{port}" for port in "qkv"),
    }  # fmt: skip
    circuit = models[IOI].circuit
    assert names(circuit) == expected
    assert circuit[KEYS] == ("REPEATED",) and circuit[REST] == ("PLACE",)
    # What the previous-token and the induction head write leads nowhere.
    assert {str(wire.edge) for wire in models[IOI].wires} - expected == {
        *(f"embed -> a0.h0.{port}" for port in "qkv"),
        "a0.h0 -> a1.h0.k", *(f"embed -> a1.h0.{port}" for port in "qkv"),
    }  # fmt: skip


@pytest.mark.parametrize("place", [REVERSE, FRACTION, IOI])
@pytest.mark.parametrize("ablation", [*ABLATIONS, Ablation.REFERENCE_MEAN])
def test_the_circuit_that_was_built_does_all_that_the_model_does(
    models: list[KnownModel], place: int, ablation: Ablation
) -> None:
    assert metric(models[place], ablation, set(models[place].circuit)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("place", [REVERSE, FRACTION, IOI])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_so_does_what_the_ablation_changes_of_it(
    models: list[KnownModel], trials: dict[tuple[str, Ablation], BenchmarkResult], place: int, ablation: Ablation
) -> None:
    known = models[place]
    changing = trials[known.name, ablation].changing
    assert metric(known, ablation, set(changing)) == pytest.approx(0, abs=1e-9)
    assert metric(known, ablation, set()) > 0.01


@pytest.mark.parametrize("name", ["reverse", "xproportion"])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_the_programs_are_found_whole_with_every_ablation(
    trials: dict[tuple[str, Ablation], BenchmarkResult], name: str, ablation: Ablation
) -> None:
    trial = trials[name, ablation]
    assert trial.at_lowest == trial.changing
    assert (trial.changing_auc, trial.node_auc, trial.missed) == (1.0, 1.0, frozenset())


@pytest.mark.parametrize("name", ["reverse", "xproportion", "ioi"])
def test_zero_ablation_changes_all_that_was_built(
    trials: dict[tuple[str, Ablation], BenchmarkResult], name: str
) -> None:
    trial = trials[name, Ablation.ZERO]
    assert trial.changing == trial.built
    assert trial.edge_auc == (1.0 if name != "ioi" else pytest.approx(16 / 17))


def test_what_is_the_same_in_clean_and_corrupted_prompts_cannot_be_found(
    trials: dict[tuple[str, Ablation], BenchmarkResult],
) -> None:
    of_reverse, of_fraction = (trials[name, Ablation.CORRUPTED] for name in ("reverse", "xproportion"))
    assert names(of_reverse.built - of_reverse.changing) == {
        "embed -> a0.h0.v",  # whether it is <s>
        "embed -> m1",
        "embed -> a3.h0.k",  # places
    }
    assert names(of_fraction.built - of_fraction.changing) == {"embed -> a1.h0.q", "embed -> a1.h0.k"}
    assert of_reverse.edge_auc == pytest.approx(0.7) and of_fraction.edge_auc == pytest.approx(0.6)


@pytest.mark.parametrize(("ablation", "edge"), [(Ablation.ZERO, REST), (Ablation.MEAN, KEYS)])
def test_what_is_never_found_in_ioi_has_no_effect_that_could_be_measured(
    models: list[KnownModel], trials: dict[tuple[str, Ablation], BenchmarkResult], ablation: Ablation, edge: Edge
) -> None:
    trial = trials["ioi", ablation]
    assert trial.missed == {edge} and trial.at_lowest == trial.changing - {edge}
    assert metric(models[IOI], ablation, set(trial.changing - {edge})) < 1e-9
    others = [metric(models[IOI], ablation, set(trial.changing - {other})) for other in trial.changing - {edge}]
    assert min(others) > 1e-3


def test_no_wrong_edge_is_found_at_any_threshold(trials: dict[tuple[str, Ablation], BenchmarkResult]) -> None:
    for trial in trials.values():
        assert len(trial.found) == len(THRESHOLDS)
        for _, edges in trial.found:
            assert edges <= trial.built


def scored(models: list[KnownModel], place: int, ablation: Ablation, method: SearchMethod) -> BenchmarkResult:
    trial = run_method(case_of(models[place], ablation), method)
    assert trial.method is method and trial.metric is Metric.LOGIT_DIFF
    assert all(edges <= trial.built for _, edges in trial.found)
    return trial


def test_gradients_through_sharp_attention_and_steps_vanish(models: list[KnownModel]) -> None:
    reverse = scored(models, REVERSE, Ablation.ZERO, eap.METHOD)
    assert names(reverse.at_lowest) == {"embed -> a3.h0.v", "a3.h0 -> logits"} and reverse.edge_auc == 0.2
    fraction = scored(models, FRACTION, Ablation.ZERO, eap.METHOD)
    assert names(fraction.missed) == {"embed -> a1.h0.q", "embed -> a1.h0.k"}


def test_halfway_to_the_ablated_embedding_they_do_not(models: list[KnownModel]) -> None:
    assert scored(models, FRACTION, Ablation.ZERO, eap_ig.METHOD).edge_auc == 1
    assert not scored(models, IOI, Ablation.ZERO, eap_ig.METHOD).missed


def test_one_edge_removed_at_a_time_finds_what_a_search_finds(
    models: list[KnownModel], trials: dict[tuple[str, Ablation], BenchmarkResult]
) -> None:
    """In these models nothing stands in for anything else."""
    for ablation in ABLATIONS:
        exact = scored(models, REVERSE, ablation, edge_effects.METHOD)
        assert exact.at_lowest == trials["reverse", ablation].at_lowest and exact.changing_auc == 1


def test_halfway_through_their_own_activations_gradients_see_more_of_a_sharp_model(models: list[KnownModel]) -> None:
    of_inputs, of_activations = (
        scored(models, REVERSE, Ablation.MEAN, method) for method in (eap_ig.METHOD, eap_ig_activations.METHOD)
    )
    assert len(of_activations.at_lowest) > len(of_inputs.at_lowest)


@pytest.mark.slow
def test_every_model_is_tried_with_every_ablation_and_method() -> None:
    models, told = known_models(3, 0), []
    trials = list(run_trials(models, lambda: told.append(1)))
    assert [(t.name, t.ablation, t.method) for t in trials] == [
        (known.name, ablation, method) for known in models for ablation in ABLATIONS for method in methods()
    ]
    assert len(told) == n_steps(models)


def test_a_handmade_trial_has_its_areas(models: list[KnownModel]) -> None:
    graph = models[FRACTION].model.graph  # 23 edges, 5 senders
    first, second, wrong = list(graph.edges())[:3]
    senders = {edge.sender for edge in (first, second)}
    found = ((1.0, frozenset[Edge]()), (0.1, frozenset({first})), (0.01, frozenset({first, wrong})))
    parts = {first: ("a",), second: ("b",)}
    trial = BenchmarkResult(
        "mine", "", graph, models[FRACTION].metric, Ablation.ZERO, acdc.METHOD, 3, parts, frozenset({second}), found
    )
    assert trial.edge_auc == pytest.approx(0.5) and trial.changing_auc == 0 and trial.missed == {second}
    assert trial.node_auc == pytest.approx(1 / len(senders))
    text = list(lines([trial]))
    assert ["mine", "zero", "acdc", "2", "1", "1", "1", "1", "0.500", "0.000", "0.500"] in map(str.split, text)
    assert text[-1] == f"ACDC never finds in mine, zero ablation: {second}"
    (row,) = to_rows([trial])
    assert (row["built"], row["found"], row["wrong"], row["missed"], row["prompts"]) == (2, 2, 1, 1, 3)
    content = json.loads(to_json([trial], 5))
    assert content["schema"] == 1 and content["seed"] == 5
    (written,) = content["trials"]
    assert written["circuits"][1] == {"threshold": 0.1, "edges": [str(first)]}
    assert written["curve"] == [[0.0, 0.0], [0.0, 0.5], [pytest.approx(1 / 21), 0.5], [1.0, 1.0]]


def test_where_nothing_changes_there_is_no_area() -> None:
    (known,) = (known for known in known_models(1, 0) if known.name == "ioi")
    trial = run_method(case_of(known, Ablation.MEAN), acdc.METHOD)  # the mean over one prompt is that prompt
    assert (trial.changing, trial.changing_auc, trial.edge_auc) == (frozenset(), None, 0)
    (row,) = (line.split() for line in lines([trial]) if line.startswith("ioi "))
    assert row[-3:] == ["0.000", "-", "0.000"]
    assert to_rows([trial])[0]["auc_changing"] == ""
    (content,) = json.loads(to_json([trial], 0))["trials"]
    assert content["auc_changing"] is None and content["curve_changing"] == []
    assert "- against what the ablation changes" in draw([trial]).to_svg()


def test_the_number_of_prompts_and_the_seed_choose_them() -> None:
    def ids(n: int, seed: int) -> list[list[tuple[int, ...]]]:
        return [[p.clean_ids for p in known.prompts] for known in known_models(n, seed)]

    assert ids(5, 0) == ids(5, 0) != ids(5, 1)
    assert {len(prompts) for prompts in ids(5, 0)} == {5}


def test_another_weight_is_another_fingerprint(models: list[KnownModel]) -> None:
    same, other = (known_models(1, 0)[REVERSE].model for _ in range(2))
    bias = other.weights.blocks[0].attention.query.bias
    assert bias is not None
    bias[0, 0] = 2
    assert same.fingerprint == models[REVERSE].model.fingerprint != other.fingerprint


def test_results_are_read_and_drawn_without_torch() -> None:
    code = "import sys, acdc_custom.known.content, acdc_custom.known.picture; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_is_of_float64(models: list[KnownModel]) -> None:
    assert {known.model.dtype for known in models} == {torch.float64}
