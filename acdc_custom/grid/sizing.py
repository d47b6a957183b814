"""How many runs fit on a machine side by side, and what each of them may take.

Owns the sums. A run is a process of its own, with the model in it; several do not go faster than the cores there are,
nor than the GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from acdc_custom.choices import Device
from acdc_custom.memory import GIB, WINDOW_BYTES
from acdc_custom.runs.job import Job

SHARE = 0.8  # of the memory that is free, for all runs together
RUNTIME = GIB  # Python, torch and the libraries around it, before any model
COPIES = 3  # of the weights while a model is loaded


@dataclass(frozen=True)
class Machine:
    """What there is: cores, and bytes of memory."""

    cores: int
    free: int


@dataclass(frozen=True)
class MemoryBudget:
    """What a run may take that was given no limit of its own."""

    memory: int  # bytes of its process, where it computes on the CPU
    gpu: float = 1.0  # share of its GPU; 0 if it has none

    def limit(self, device: str) -> int | None:
        """Bytes, for a run on this torch device; None where it may take what is free."""
        if device == "cpu":
            return self.memory
        if device == "cuda" and self.gpu < 1:
            return int(SHARE * self.gpu * _gpu_bytes())
        return None


@dataclass(frozen=True)
class Resources:
    """How many processes, how many threads in each, what each may take, and the GPUs among which they are spread."""

    processes: int
    threads: int
    room: MemoryBudget
    gpus: tuple[str, ...] = ()


def bytes_for(model_bytes: int) -> int:
    """The memory that a run with a model of this size should have."""
    return RUNTIME + COPIES * model_bytes + WINDOW_BYTES


def crew_for(
    n_jobs: int, model_bytes: int, machine: Machine, workers: int | None = None, gpus: Sequence[str] = ()
) -> Resources:
    """The processes for so many jobs with a model of this size; `workers` sets their number.

    Without it: one for each core and job, or for each GPU if there are any, but no more than fit in memory, and always
    one.
    """
    room = int(SHARE * machine.free)
    processes = workers or max(1, min(len(gpus) or machine.cores, room // bytes_for(model_bytes)))
    processes = min(processes, n_jobs)
    share = 1 / -(-processes // len(gpus)) if gpus else 1.0
    return Resources(
        processes,
        max(1, machine.cores // processes),
        MemoryBudget(max(1, room // processes), share),
        tuple(gpus[:processes]),
    )


def gpus_for(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The GPUs that jobs compute on here, as CUDA_VISIBLE_DEVICES names them; empty if they compute on none.

    Raises `UsageError` for a device that is not there.
    """
    from acdc_custom.model.open import resolve_device

    if Device.CUDA.value not in {resolve_device(device) for device in {job.settings.device for job in jobs}}:
        return ()
    import torch

    numbers = [str(number) for number in range(torch.cuda.device_count())]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return tuple(name.strip() for name in visible.split(",")[: len(numbers)]) if visible else tuple(numbers)


def this_machine() -> Machine:
    """The cores and the memory that this process may use, on its machine or in its share of it."""
    import torch

    from acdc_custom.engine.footprint import free_bytes

    return Machine(_cores(), free_bytes(torch.device("cpu")))


def _cores() -> int:
    """Physical cores: two threads on one of them get in each other's way."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = [allowed, psutil.cpu_count(logical=False) or allowed]
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        counts.append(int(quota) // int(period))
    except (OSError, ValueError):  # none, or no limit
        pass
    return max(1, min(counts))


def _gpu_bytes() -> int:
    import torch

    return torch.cuda.get_device_properties(0).total_memory
