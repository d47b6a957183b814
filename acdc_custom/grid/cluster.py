"""What is asked of a cluster for each run, and how many runs fit on it side by side.

Owns the sums. A cluster is a list of machines, each with so many of each resource, as Ray counts them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acdc_custom.choices import Device
from acdc_custom.errors import UsageError
from acdc_custom.grid.sizing import MemoryBudget
from acdc_custom.runs.job import Job


@dataclass(frozen=True)
class ClusterResources:
    """How many workers, and what Ray is asked for each of them; `room` is what it may take of memory."""

    places: int
    cpus: int
    gpus: float
    memory: int
    room: MemoryBudget


Resources = Mapping[str, float]  # of a machine, as Ray tells them


def crew_for(
    n_jobs: int, need: int, machines: Sequence[Resources], workers: int | None = None, gpus: float = 0
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

    def places(machine: Resources) -> int:
        asked = {"CPU": float(cpus), "GPU": gpus, "memory": float(need)}
        return math.floor(min(machine.get(kind, 0) / much for kind, much in asked.items() if much))

    fit = {number: n for number, machine in enumerate(machines) if (n := places(machine))}
    if not fit:
        gpu = f" and {gpus:g} of a GPU" if gpus else ""
        raise UsageError(f"no machine of the Ray cluster has a core{gpu} for a run.")
    n_places = min(workers or sum(fit.values()), n_jobs)
    share = min(machines[number].get("memory", 0) / min(n, n_places) for number, n in fit.items())
    return ClusterResources(n_places, cpus, gpus, need, MemoryBudget(int(share), gpus))


def default_gpus(jobs: Sequence[Job], machines: Sequence[Resources]) -> float:
    """How many GPUs a run gets: 1, where it may compute on one and there is any."""
    devices = {job.settings.device for job in jobs}
    any_gpu = any(machine.get("GPU", 0) for machine in machines)
    return float(Device.CUDA in devices or (Device.AUTO in devices and any_gpu))
