"""Which runs a sweep is made of.

Owns what can be varied, the names of the runs' folders, and that thresholds can make paths. Knows nothing of how runs
are carried out, or of what is read off them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from acdc_custom.choices import Ablation, Order
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.files.writing import name_part
from acdc_custom.grid.plan import Grid, Kind
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.runs.folder import LONGEST_PART
from acdc_custom.runs.job import Job
from acdc_custom.task import load_task

DEFAULT_THRESHOLDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Varied:
    """What is varied: every combination is a run. `metrics` None is the task's own.

    Order seeds matter for the random order alone: others are run once.
    """

    tasks: tuple[str, ...]
    models: tuple[str, ...] = (DEFAULT_MODEL,)
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    metrics: tuple[str | None, ...] = (None,)
    ablations: tuple[str, ...] = (Ablation.CORRUPTED.value,)
    seeds: tuple[int, ...] = (0,)
    orders: tuple[str, ...] = (Order.ORIGINAL.value,)
    order_seeds: tuple[int, ...] = (0,)
    methods: tuple[str, ...] = ()  # none: that of the settings


def plan_sweep(varied: Varied, settings: SearchSettings) -> Grid:
    """The grid of all runs; `settings` is what they have in common.

    Runs that share a batch stand together, and of these the longest, with the smallest threshold, come first. Raises
    `UsageError` for what no run can have, `TaskError` for a task that cannot be loaded.
    """
    tasks = {task: load_task(task).name for task in varied.tasks}
    orders = [
        (order, seed) for order in varied.orders for seed in (varied.order_seeds if order == Order.RANDOM else (0,))
    ]
    several = {
        name
        for name, values in (
            ("method", varied.methods),
            ("metric", varied.metrics),
            ("ablation", varied.ablations),
            ("seed", varied.seeds),
        )
        if len(set(values)) > 1
    }

    def named(job: dict[str, Any]) -> Iterator[str]:
        yield tasks[job["task"]]
        yield Path(job["model"]).name
        yield from (str(job[name]) for name in ("method", "metric", "ablation") if name in several)
        if "seed" in several:
            yield f"seed{job['seed']}"
        if len(set(orders)) > 1:
            yield job["order"] + (str(job["order_seed"]) if job["order"] == Order.RANDOM else "")
        yield f"{job['threshold']:g}"

    axes: dict[str, Iterable[Any]] = {
        "task": varied.tasks,
        "model": varied.models,
        "ablation": varied.ablations,
        "seed": varied.seeds,
        "method": varied.methods or (settings.method,),
        "metric": varied.metrics,
        "order": orders,
        "threshold": sorted(varied.thresholds),
    }
    jobs = []
    for chosen in product(*map(dict.fromkeys, axes.values())):
        job: dict[str, Any] = dict(zip(axes, chosen, strict=True))
        job["order"], job["order_seed"] = job["order"]
        name = "_".join(name_part(part, LONGEST_PART) for part in named(job))
        jobs.append(Job(name, job.pop("task"), job.pop("model"), settings.with_(**job)))
    return Grid(Kind.SWEEP, tuple(jobs))


def in_paths(grid: Grid) -> Grid:
    """The same runs, but every one starts from the circuit of the threshold before, where there is one: it decides the
    edges that are left there, and the circuits of a combination are nested."""
    jobs: list[Job] = []
    for job in grid.jobs:
        before = jobs[-1] if jobs and _combination(jobs[-1]) == _combination(job) else None
        jobs.append(replace(job, after=before.name) if before else job)
    return replace(grid, jobs=tuple(jobs))


def _combination(job: Job) -> tuple[object, ...]:
    """All that runs of one path have in common."""
    return job.task, job.model, job.settings.with_(threshold=None)
