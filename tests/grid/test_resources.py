"""As many runs at a time as cores, jobs, memory and GPUs allow, on this machine and on a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from grids import job

from acdc_custom.errors import UsageError
from acdc_custom.grid import Job, resources
from acdc_custom.grid.resources import (
    ClusterResources,
    Machine,
    MemoryBudget,
    Resources,
    cluster_resources,
    default_gpus,
    local_gpus,
    local_resources,
    this_machine,
)
from acdc_custom.memory import GIB

SMALL, LARGE = 4 * 10**6, 8 * GIB


@pytest.mark.parametrize(
    ("jobs", "model", "machine", "workers", "expected"),
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
def test_processes_on_this_machine(
    jobs: int, model: int, machine: Machine, workers: int | None, expected: Resources
) -> None:
    assert local_resources(jobs, model, machine, workers) == expected


@pytest.mark.parametrize(
    ("jobs", "free", "workers", "gpus", "expected"),
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
def test_processes_on_gpus(
    jobs: int, free: int, workers: int | None, gpus: tuple[str, ...], expected: Resources
) -> None:
    share = {4: 1 / 2, 5: 1 / 3}.get(workers or 0, 1.0)
    limited = replace(expected, budget=replace(expected.budget, gpu=share))
    assert local_resources(jobs, SMALL, Machine(8, free * GIB), workers, gpus) == limited


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
    assert local_gpus([job("a", device="cuda")]) == names
    assert local_gpus([Job("a", "ioi")]) == names, "auto takes one"
    assert local_gpus([job("a", device="cpu")]) == ()


def test_a_gpu_that_is_not_there_is_reported_before_any_process_is_started() -> None:
    with pytest.raises(UsageError, match="no such device here"):
        local_gpus([job("a", device="mps")])


def test_what_a_run_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_gpu_bytes", lambda: 80 * GIB)
    assert MemoryBudget(7).limit("cpu") == MemoryBudget(7, 0.5).limit("cpu") == 7
    assert MemoryBudget(7).limit("cuda") is None and MemoryBudget(7, 0.25).limit("cuda") == 16 * GIB
    assert MemoryBudget(7, 0.25).limit("mps") is None


def test_this_machine_has_a_core_and_some_memory() -> None:
    here = this_machine()
    assert here.cores >= 1 and here.free > 0


# -- a cluster ---------------------------------------------------------------------------------------------

NODE = {"CPU": 4.0, "memory": 10.0 * GIB}
GPU_NODE = {"CPU": 16.0, "GPU": 2.0, "memory": 100.0 * GIB}


@pytest.mark.parametrize(
    ("jobs", "need", "machines", "workers", "gpus", "expected"),
    [
        (100, GIB, [NODE, NODE], None, 0, ClusterResources(8, 1, 0, GIB, MemoryBudget(10 * GIB // 4, 0))),
        (100, 4 * GIB, [NODE, NODE], None, 0, ClusterResources(4, 1, 0, 4 * GIB, MemoryBudget(5 * GIB, 0))),
        (
            100,
            99 * GIB,
            [NODE],
            None,
            0,
            ClusterResources(1, 1, 0, 10 * GIB, MemoryBudget(10 * GIB, 0)),
        ),  # it may still work
        (100, GIB, [NODE, NODE], 2, 0, ClusterResources(2, 4, 0, GIB, MemoryBudget(10 * GIB, 0))),
        (3, GIB, [NODE, NODE], None, 0, ClusterResources(3, 1, 0, GIB, MemoryBudget(10 * GIB // 3, 0))),
        (100, GIB, [NODE, GPU_NODE], None, 1, ClusterResources(2, 1, 1, GIB, MemoryBudget(50 * GIB, 1))),
        (100, GIB, [NODE, GPU_NODE], None, 0.5, ClusterResources(4, 1, 0.5, GIB, MemoryBudget(25 * GIB, 0.5))),
        (
            100,
            GIB,
            [NODE],
            20,
            0,
            ClusterResources(20, 1, 0, GIB, MemoryBudget(10 * GIB // 4, 0)),
        ),  # more machines may join
    ],
)
def test_workers_on_a_cluster(
    jobs: int, need: int, machines: Any, workers: int | None, gpus: float, expected: ClusterResources
) -> None:
    assert cluster_resources(jobs, need, machines, workers, gpus) == expected


def test_a_gpu_that_no_machine_has_is_reported() -> None:
    with pytest.raises(UsageError, match=r"no machine of the Ray cluster has a core and 1 of a GPU"):
        cluster_resources(1, GIB, [NODE], gpus=1)


@pytest.mark.parametrize(
    ("device", "machines", "gpus"),
    [("auto", [NODE], 0), ("auto", [NODE, GPU_NODE], 1), ("cpu", [GPU_NODE], 0), ("cuda", [NODE], 1)],
)
def test_runs_get_a_gpu_where_they_may_and_there_is_one(device: str, machines: Any, gpus: float) -> None:
    assert default_gpus([job("a", device=device)], machines) == gpus
