"""How many runs fit side by side, on this machine or on a cluster, and what each of them may use.

Owns the sums. A run is a process of its own, with the model in it; several are no faster than the cores there are, nor
than the GPUs. Starts nothing: this machine is asked for its cores, memory and GPUs, a cluster is a list of machines,
each with so many of each resource, as Ray counts them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from acdc_custom.choices import Device
from acdc_custom.errors import UsageError
from acdc_custom.memory import GIB, WINDOW_BYTES
from acdc_custom.runs.job import Job

SHARE = 0.8  # of the memory that is free, for all runs together
RUNTIME = GIB  # Python, torch and the libraries around it, before any model
COPIES = 3  # of the weights while a model is loaded


@dataclass(frozen=True)
class MemoryBudget:
    """What a run may use that was given no limit of its own."""

    memory: int  # bytes of its process, where it computes on the CPU
    gpu: float = 1.0  # share of its GPU; 0 if it has none

    def limit(self, device: str) -> int | None:
        """Bytes, for a run on this torch device; None where it may use what is free."""
        if device == "cpu":
            return self.memory
        if device == "cuda" and self.gpu < 1:
            return int(SHARE * self.gpu * _gpu_bytes())
        return None


def bytes_for(model_bytes: int) -> int:
    """The memory that a run with a model of this size should have."""
    return RUNTIME + COPIES * model_bytes + WINDOW_BYTES


# -- this machine -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """What there is: cores, and bytes of memory."""

    cores: int
    free: int


@dataclass(frozen=True)
class Resources:
    """How many processes, how many threads and how much memory for each, and the GPUs over which they are spread."""

    processes: int
    threads: int
    budget: MemoryBudget
    gpus: tuple[str, ...] = ()


def local_resources(
    n_jobs: int, model_bytes: int, machine: Machine, workers: int | None = None, gpus: Sequence[str] = ()
) -> Resources:
    """The processes for so many jobs with a model of this size; `workers` sets their number.

    Without it: one for each core and job, or for each GPU if there are any, but no more than fit in memory, and always
    one.
    """
    memory = int(SHARE * machine.free)
    processes = workers or max(1, min(len(gpus) or machine.cores, memory // bytes_for(model_bytes)))
    processes = min(processes, n_jobs)
    share = 1 / -(-processes // len(gpus)) if gpus else 1.0
    return Resources(
        processes,
        max(1, machine.cores // processes),
        MemoryBudget(max(1, memory // processes), share),
        tuple(gpus[:processes]),
    )


def local_gpus(jobs: Sequence[Job]) -> tuple[str, ...]:
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


# -- a cluster ----------------------------------------------------------------------------------------------

MachineResources = Mapping[str, float]  # of a machine of the cluster, as Ray names and counts them


@dataclass(frozen=True)
class ClusterResources:
    """How many workers, and what Ray is asked for each of them; `budget` is the memory that each may use."""

    workers: int
    cpus: int
    gpus: float
    memory: int
    budget: MemoryBudget


def cluster_resources(
    n_jobs: int, need: int, machines: Sequence[MachineResources], workers: int | None = None, gpus: float = 0
) -> ClusterResources:
    """The workers for so many jobs that need so much memory each; `workers` sets their number.

    Without it: one for each core, or for each share of a GPU, but no more than fit in memory. Raises `UsageError` when
    not even one fits.
    """
    cpus = 1
    if workers:
        total, largest = (int(f(m.get("CPU", 0) for m in machines)) for f in (sum, max))
        cpus = max(1, min(total // workers, largest))
    need = min(need, int(max((m.get("memory", 0) for m in machines), default=0)))

    def fits(machine: MachineResources) -> int:
        """How many workers."""
        asked = {"CPU": float(cpus), "GPU": gpus, "memory": float(need)}
        return math.floor(min(machine.get(kind, 0) / much for kind, much in asked.items() if much))

    fit = {number: n for number, machine in enumerate(machines) if (n := fits(machine))}
    if not fit:
        gpu = f" and {gpus:g} of a GPU" if gpus else ""
        raise UsageError(f"no machine of the Ray cluster has a core{gpu} for a run.")
    n_workers = min(workers or sum(fit.values()), n_jobs)
    share = min(machines[number].get("memory", 0) / min(n, n_workers) for number, n in fit.items())
    return ClusterResources(n_workers, cpus, gpus, need, MemoryBudget(int(share), gpus))


def default_gpus(jobs: Sequence[Job], machines: Sequence[MachineResources]) -> float:
    """How many GPUs a run gets: 1, where it may compute on one and there is any."""
    devices = {job.settings.device for job in jobs}
    any_gpu = any(machine.get("GPU", 0) for machine in machines)
    return float(Device.CUDA in devices or (Device.AUTO in devices and any_gpu))
