"""As many processes as cores, jobs and memory allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.grid import Job, sizing
from acdc_custom.grid.sizing import Machine, MemoryBudget, Resources, crew_for, gpus_for, this_machine
from acdc_custom.memory import GIB

SMALL, LARGE = 4 * 10**6, 8 * GIB


@pytest.mark.parametrize(
    ("jobs", "model", "machine", "workers", "crew"),
    [
        (100, SMALL, Machine(8, 100 * GIB), None, Resources(8, 1, MemoryBudget(10 * GIB))),
        (3, SMALL, Machine(8, 100 * GIB), None, Resources(3, 2, MemoryBudget(80 * GIB // 3))),
        (100, LARGE, Machine(8, 100 * GIB), None, Resources(3, 2, MemoryBudget(80 * GIB // 3))),  # 26 GiB each
        (
            100,
            LARGE,
            Machine(8, 10 * GIB),
            None,
            Resources(1, 8, MemoryBudget(8 * GIB)),
        ),  # not even one: it may still work
        (100, LARGE, Machine(8, 100 * GIB), 5, Resources(5, 1, MemoryBudget(16 * GIB))),
        (2, SMALL, Machine(1, 10 * GIB), 5, Resources(2, 1, MemoryBudget(4 * GIB))),
    ],
)
def test_the_crew(jobs: int, model: int, machine: Machine, workers: int | None, crew: Resources) -> None:
    assert crew_for(jobs, model, machine, workers) == crew


@pytest.mark.parametrize(
    ("jobs", "free", "workers", "gpus", "crew"),
    [
        (
            100,
            100,
            None,
            ("0", "1"),
            Resources(2, 4, MemoryBudget(40 * GIB), ("0", "1")),
        ),  # one for each, however many cores
        (1, 100, None, ("0", "1"), Resources(1, 8, MemoryBudget(80 * GIB), ("0",))),
        (
            100,
            3,
            None,
            ("0", "1"),
            Resources(1, 8, MemoryBudget(int(0.8 * 3 * GIB)), ("0",)),
        ),  # a model is loaded by way of memory
        (100, 100, 4, ("0", "1"), Resources(4, 2, MemoryBudget(20 * GIB), ("0", "1"))),
        (100, 100, 5, ("0", "1"), Resources(5, 1, MemoryBudget(16 * GIB), ("0", "1"))),
    ],
)
def test_the_crew_on_gpus(jobs: int, free: int, workers: int | None, gpus: tuple[str, ...], crew: Resources) -> None:
    share = {4: 1 / 2, 5: 1 / 3}.get(workers or 0, 1.0)
    expected = replace(crew, room=replace(crew.room, gpu=share))
    assert crew_for(jobs, SMALL, Machine(8, free * GIB), workers, gpus) == expected


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ("0", "1", "2")),
        ("", ("0", "1", "2")),
        ("5,3,1", ("5", "3", "1")),
        ("GPU-a, GPU-b,GPU-c", ("GPU-a", "GPU-b", "GPU-c")),
    ],
)
def test_gpus_are_named_as_their_caller_sees_them(
    visible: str | None, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_for([Job("a", "ioi", settings=SearchSettings.of(device="cuda"))]) == names
    assert gpus_for([Job("a", "ioi")]) == names, "auto takes one"
    assert gpus_for([Job("a", "ioi", settings=SearchSettings.of(device="cpu"))]) == ()


def test_a_gpu_that_is_not_there_is_told_before_any_process_is_started() -> None:
    with pytest.raises(UsageError, match="no such device here"):
        gpus_for([Job("a", "ioi", settings=SearchSettings.of(device="mps"))])


def test_what_a_run_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "_gpu_bytes", lambda: 80 * GIB)
    assert MemoryBudget(7).limit("cpu") == MemoryBudget(7, 0.5).limit("cpu") == 7
    assert MemoryBudget(7).limit("cuda") is None and MemoryBudget(7, 0.25).limit("cuda") == 16 * GIB
    assert MemoryBudget(7, 0.25).limit("mps") is None


def test_this_machine_has_a_core_and_some_memory() -> None:
    here = this_machine()
    assert here.cores >= 1 and here.free > 0
