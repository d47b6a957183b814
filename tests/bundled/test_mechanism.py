"""What the bundled model is for: movers, and heads that steer them, that anyone can find in seconds."""

from __future__ import annotations

from functools import cache

import pytest

from acdc_custom.bundled.mechanism import Mechanism, knock_out, mechanism
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.model.open import open_model
from acdc_custom.task import load_task


@cache
def found(task: str) -> Mechanism:
    return mechanism(load_task(task), open_model("demo-4l"), n=20)


@pytest.mark.parametrize("task", ["ioi", "latest_s"])
def test_the_circuit_has_a_name_mover(task: str) -> None:
    assert Role.NAME_MOVER in found(task).heads.counts


def test_the_circuit_of_ioi_has_s_inhibition_and_the_model_needs_it() -> None:
    of = found("ioi")
    assert Role.S_INHIBITION in of.heads.counts
    without = of.knocked_out[Role.S_INHIBITION]
    assert without.logit_diff <= 2 / 3 * of.circuit.outcome.model.logit_diff
    assert without.movers is not None
    before, after = without.movers.to_answer
    assert after < before - 0.1
    for row in of.heads.rows:
        if row.role is Role.S_INHIBITION:
            assert row.scores[Measure.ATTENTION_CHANGE].value < 0


@pytest.mark.parametrize("task", ["ioi", "latest_s"])
def test_a_small_circuit_does_the_task_on_other_prompts(task: str) -> None:
    of = found(task)
    assert of.recovered >= 0.85
    assert len(of.circuit.edges) < 0.1 * of.circuit.graph.n_edges


def test_knocking_out_nothing_leaves_the_model_and_its_movers_as_they_are() -> None:
    prepared = prepare_batch(load_task("ioi"), open_model("demo-4l"), n=6)
    mover = Sender.parse("a3.h0")
    out = knock_out(prepared, (), (mover,))
    assert out.logit_diff == pytest.approx(prepared.full.logit_diff, abs=1e-4)
    assert out.movers is not None
    assert out.movers.to_answer[0] == out.movers.to_answer[1] and out.movers.to_foil[0] == out.movers.to_foil[1]
    assert knock_out(prepared, (mover,), (mover,)).movers is None
