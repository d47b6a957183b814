"""The bench runs circuits as the search's own record of its circuit does."""

from __future__ import annotations

import dataclasses

import pytest

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.model.open import open_model
from acdc_custom.search.discover import search
from acdc_custom.task import load_task


@pytest.mark.parametrize("chunk", [6, 4])
def test_its_numbers_are_those_of_the_outcome(chunk: int, small_model: str) -> None:
    model, task = open_model(small_model), load_task("ioi")
    prepared = prepare_batch(task, model, n=6)
    prepared = prepare_batch(task, model, n=6, planned=dataclasses.replace(prepared.memory, chunk=chunk))
    assert len(prepared.chunks) == -(-6 // chunk)
    circuit = search(prepared, SearchSettings(threshold=0.02))
    bench = CircuitScorer(prepared)
    for scores, behaviour in (
        (bench.full, circuit.outcome.model),
        (bench.empty, circuit.outcome.empty),
        (bench(kept.edge for kept in circuit.edges), circuit.outcome.circuit),
    ):
        found = scores.behaviour()
        assert found.kl == pytest.approx(behaviour.kl, abs=2e-5)
        assert found.logit_diff == pytest.approx(behaviour.logit_diff, abs=2e-4)
        assert found.correct == behaviour.correct
    assert bench(model.graph.edges()).kl == pytest.approx(0, abs=2e-5)
