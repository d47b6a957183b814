"""As many runs as machines have cores, memory and GPUs for."""

from __future__ import annotations

from typing import Any

import pytest

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.grid import Job
from acdc_custom.grid.cluster import ClusterResources, crew_for, default_gpus
from acdc_custom.grid.sizing import MemoryBudget
from acdc_custom.memory import GIB

NODE = {"CPU": 4.0, "memory": 10.0 * GIB}
GPU_NODE = {"CPU": 16.0, "GPU": 2.0, "memory": 100.0 * GIB}


@pytest.mark.parametrize(
    ("jobs", "need", "machines", "workers", "gpus", "crew"),
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
def test_the_crew(
    jobs: int, need: int, machines: Any, workers: int | None, gpus: float, crew: ClusterResources
) -> None:
    assert crew_for(jobs, need, machines, workers, gpus) == crew


def test_a_gpu_that_no_machine_has_is_told() -> None:
    with pytest.raises(UsageError, match=r"no machine of the Ray cluster has a core and 1 of a GPU"):
        crew_for(1, GIB, [NODE], gpus=1)


@pytest.mark.parametrize(
    ("device", "machines", "gpus"),
    [("auto", [NODE], 0), ("auto", [NODE, GPU_NODE], 1), ("cpu", [GPU_NODE], 0), ("cuda", [NODE], 1)],
)
def test_runs_get_a_gpu_where_they_may_and_there_is_one(device: str, machines: Any, gpus: float) -> None:
    assert default_gpus([Job("a", "ioi", settings=SearchSettings.of(device=device))], machines) == gpus
