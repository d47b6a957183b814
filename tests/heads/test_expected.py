"""How long measuring will take is told from pieces of the work, and what it takes of memory is no less than it is."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from circuits import circuit_of
from handmade import INHIBITION, MOVER, handmade_model, ioi_prompts
from tiny_task import prepared

from acdc_custom.engine import stopwatch
from acdc_custom.heads import expected
from acdc_custom.heads.repeated import SEQUENCES
from acdc_custom.heads.walk import run_passes


def test_what_is_done_once_counts_once_and_what_is_done_for_every_head_for_every_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each piece takes a second by this clock: the runs, one sequence of random tokens, and a piece of nine heads."""
    done: list[Any] = []

    def timed(device: torch.device, action: Any) -> tuple[Any, float]:
        done.append(action())
        return done[-1], 1.0

    monkeypatch.setattr(expected, "timed", timed)
    batch = prepared(handmade_model(), ioi_prompts(8))
    circuit = circuit_of(batch.model.graph.shape, {(MOVER, "logits"): 1.0, (INHIBITION, f"{MOVER}.q"): 0.5})
    assert expected.expected_seconds(batch, circuit) == 1 + SEQUENCES + 9 / 3
    assert len(done) == 3


def test_the_clock_runs_while_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((5.0, 7.5))
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(now))
    assert stopwatch.timed(torch.device("cpu"), lambda: "done") == ("done", 2.5)


@pytest.mark.parametrize(
    ("seconds", "search", "soon"),
    [(9.9, 0.1, True), (10.0, 0.1, False), (99.0, 300.0, True), (100.0, 300.0, False), (10.0, 31.0, True)],
)
def test_soon_is_ten_seconds_or_a_third_of_the_search(seconds: float, search: float, soon: bool) -> None:
    assert expected.is_soon(seconds, search) is soon


def test_the_memory_that_is_told_is_no_less_than_what_the_runs_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = prepared(handmade_model(), ioi_prompts(8))
    monkeypatch.setattr(expected, "CHUNK", 0)
    told = expected.needed_bytes(batch)
    passes = run_passes(batch.model, batch.tokens)
    held = {}
    for layer in (*passes.clean, *passes.corrupted):
        for field in fields(layer):
            if isinstance(tensor := getattr(layer, field.name), torch.Tensor):
                held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    assert sum(held.values()) <= told <= 4 * sum(held.values())


def test_what_does_not_fit_under_the_searchs_limit_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = prepared(handmade_model(), ioi_prompts(8))
    room = batch.memory.limit - expected.needed_bytes(batch)
    for used, fitting in ((room, True), (room + 1, False)):
        monkeypatch.setattr(expected, "used_bytes", lambda device, used=used: used)
        assert expected.fits(batch) is fitting
