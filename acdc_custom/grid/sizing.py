"""How many runs fit on a machine side by side, and what each of them may take.

Owns the sums. A run is a process of its own, with the model in it; several do not go faster than the cores there are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from acdc_custom.memory import GIB, WINDOW_BYTES

SHARE = 0.8  # of the memory that is free, for all runs together
RUNTIME = GIB  # Python, torch and the libraries around it, before any model
COPIES = 3  # of the weights while a model is loaded


@dataclass(frozen=True)
class Machine:
    """What there is: cores, and bytes of memory."""

    cores: int
    free: int


@dataclass(frozen=True)
class Crew:
    """How many processes, how many threads in each, and bytes that each may use."""

    processes: int
    threads: int
    memory: int


def crew_for(n_jobs: int, model_bytes: int, machine: Machine, workers: int | None = None) -> Crew:
    """The processes for so many jobs with a model of this size; `workers` sets their number.

    Without it: one for each core and job, but no more than fit in memory, and always one.
    """
    need = RUNTIME + COPIES * model_bytes + WINDOW_BYTES
    room = int(SHARE * machine.free)
    processes = workers or max(1, min(machine.cores, room // need))
    processes = min(processes, n_jobs)
    return Crew(processes, max(1, machine.cores // processes), max(1, room // processes))


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
