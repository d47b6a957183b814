"""What the bundled model is for: movers, and heads that decide between names, that anyone can find in seconds."""

from __future__ import annotations

from functools import cache

import pytest

from acdc_custom.bundled.mechanism import TEST_SEED, Mechanism, knock_out, mechanism
from acdc_custom.choices import Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Role
from acdc_custom.model.open import open_model
from acdc_custom.search.discover import search
from acdc_custom.task import load_task


@cache
def found(task: str) -> Mechanism:
    return mechanism(load_task(task), open_model("demo-4l"), n=20)


@pytest.mark.parametrize("task", ["ioi", pytest.param("latest_s", marks=pytest.mark.slow)])
def test_the_circuit_has_movers_and_negative_movers(task: str) -> None:
    assert {Role.NAME_MOVER, Role.NEGATIVE_NAME_MOVER} <= set(found(task).heads.counts)


def test_movers_look_at_both_names_and_negative_movers_decide_between_them() -> None:
    of = found("ioi")
    assert Role.S_INHIBITION not in of.heads.counts, "the card says that there are none"
    for row in of.heads.rows:
        if row.role is Role.NAME_MOVER:
            assert row.attention["IO"] == pytest.approx(0.5, abs=0.1)
        if row.role is Role.NEGATIVE_NAME_MOVER:
            assert row.attention["S2"] > 0.8
    without = of.knocked_out[Role.NEGATIVE_NAME_MOVER]
    assert without.logit_diff <= of.circuit.outcome.model.logit_diff / 2
    assert without.movers is not None
    assert without.movers.to_answer[1] == pytest.approx(without.movers.to_answer[0], abs=0.05)


@pytest.mark.parametrize(
    ("task", "metric", "threshold"),
    [("ioi", "logit-diff", 0.05), pytest.param("latest_s", "kl", 0.01, marks=pytest.mark.slow)],
)
def test_a_small_circuit_does_the_task_on_other_prompts(task: str, metric: str, threshold: float) -> None:
    model = open_model("demo-4l")
    settings = SearchSettings.of(metric=Metric(metric), threshold=threshold, n=100)
    circuit = search(prepare_batch(load_task(task), model, settings), settings)
    test = CircuitScorer(prepare_batch(load_task(task), model, n=100, seed=TEST_SEED))
    inside = test([kept.edge for kept in circuit.edges])
    full, empty, alone = (of.logit_diff.mean() for of in (test.full, test.empty, inside))
    assert (alone - empty) / (full - empty) >= 0.85
    assert len(circuit.edges) < 0.1 * circuit.graph.n_edges


def test_knocking_out_nothing_leaves_the_model_and_its_movers_as_they_are() -> None:
    prepared = prepare_batch(load_task("ioi"), open_model("demo-4l"), n=6)
    mover = Sender.parse("a2.h1")
    out = knock_out(prepared, (), (mover,))
    assert out.logit_diff == pytest.approx(prepared.full.logit_diff, abs=1e-4)
    assert out.movers is not None
    assert out.movers.to_answer[0] == out.movers.to_answer[1] and out.movers.to_foil[0] == out.movers.to_foil[1]
    assert knock_out(prepared, (mover,), (mover,)).movers is None
