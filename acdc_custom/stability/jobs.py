"""The runs of a study as jobs of a grid, and what has ended as runs of a study.

Owns the translation. What a job varies can be read off its settings, so a grid's folder says all that is needed to look
at its runs again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from acdc_custom.choices import Order, Variation
from acdc_custom.grid import Ended, Grid, Job, Kind
from acdc_custom.stability.plan import StudyPlan
from acdc_custom.stability.record import FinishedRun
from acdc_custom.stability.shares import DEFAULT_SHARE, checked_share

NOTES, SHARE = "notes", "share"  # the options of a grid that hold the plan's, and the consensus's


def grid_of(base: Job, plan: StudyPlan, share: float) -> Grid:
    """The runs of the plan, each with the settings of `base` but for what it draws; `share` is the consensus's."""
    jobs = tuple(replace(base, name=draw.name, settings=draw.of(base.settings)) for draw in plan.draws)
    return Grid(Kind.STABILITY, jobs, {NOTES: list(plan.notes), SHARE: share})


def base_of(grid: Grid) -> Job:
    """The job that varies nothing."""
    job = grid.jobs[0]
    own = job.settings.with_(resample=None, order=Order.ORIGINAL, order_seed=0, templates="")
    return replace(job, name="base", settings=own)


def notes_of(grid: Grid) -> list[str]:
    """What could not be planned as it was asked for."""
    return [str(note) for note in grid.options.get(NOTES, [])]


def share_of(grid: Grid) -> float:
    """The consensus has the edges that at least this share of the runs keep. Raises `UsageError`."""
    return checked_share(float(grid.options.get(SHARE, DEFAULT_SHARE)))


def varied_by(job: Job) -> frozenset[Variation]:
    """What a job has of its own."""
    settings = job.settings
    varies = {
        Variation.PROMPTS: settings.prompts.resample is not None,
        Variation.ORDERS: settings.order is Order.RANDOM,
        Variation.TEMPLATES: settings.prompts.templates != "",
    }
    return frozenset(kind for kind, does in varies.items() if does)


def finished_runs(ended: Iterable[Ended]) -> list[FinishedRun]:
    """Those that have a circuit. Raises `ResultError` for one that cannot be read."""
    return [FinishedRun(run.job.name, varied_by(run.job), run.circuit()) for run in ended if not run.error]
