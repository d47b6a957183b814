"""Sweeps for tests: runs done in this process, and a sweep whose numbers are made up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from circuits import example_circuit

from acdc_custom.choices import Ranking
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.grid.plan import Grid
from acdc_custom.grid.progress import RunEvent, State
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs.job import Job
from acdc_custom.runs.workspace import Workspace
from acdc_custom.stats.intervals import Estimate
from acdc_custom.sweep.curve import Curve, OnTest, Point
from acdc_custom.sweep.plan import Varied, plan_sweep
from acdc_custom.sweep.result import Attributed, Case, Searched, Shared, Sweep, TestPrompts
from acdc_custom.sweep.suggestion import suggest

# Two orders at two thresholds, and another ablation without a head: two cases, the first with two searches.
VARIED = Varied(("ioi",), thresholds=(0.3, 0.02), orders=("original", "reversed"))
ZERO = Varied(("ioi",), thresholds=(0.3,), ablations=("zero",))


class Here:
    """Executes runs in this process, one after the other; `given` are those that were not done yet."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """See `Executor.run`."""
        workspace = Workspace()
        for job in jobs:
            self.given.append(job.name)
            yield RunEvent(job.name, State.RUNNING)
            error = execute_job(job, folder, workspace)
            yield RunEvent(job.name, State.FAILED if error else State.DONE, error)


def small_grids(model: str) -> tuple[Grid, ...]:
    """The runs of `VARIED` and of `ZERO`."""
    return plan_sweep(replace(VARIED, models=(model,)), SearchSettings.of(n=6, held_out=4)), plan_sweep(
        replace(ZERO, models=(model,)), SearchSettings.of(n=6, held_out=4, knock_out="a1.h3")
    )


def made_up(gap: float = 4.0) -> Sweep:
    """A case of 1,000 edges; the model's logit difference is `gap` more than that of no edges."""

    def point(n_edges: int, kl: float, share: float, threshold: float | None = None) -> Point:
        name = "" if threshold is None else f"run_{threshold:g}"
        return Point(n_edges, kl, 4.0 - gap + gap * share, share if gap else math.nan, threshold, name)

    empty, full = point(0, 5.0, 0.0), point(1000, 0.0, 1.0)
    found = (point(0, 5.0, 0.0, 0.5), point(20, 1.0, 0.95, 0.1), point(30, 1.5, 0.6, 0.05), point(60, 0.3, 0.99, 0.01))
    curve = Curve("acdc", empty, full, found)
    model = TaskPerformance(0.0, 4.0, 1.0)
    ranked = tuple(point(n, 3.0 / n, 1 - 1 / n) for n in (1, 2, 5, 10, 20, 30, 50, 60, 100, 200, 500))
    worse = tuple(replace(at, kl=2 * at.kl, faithfulness=at.faithfulness / 2) for at in ranked)
    attributed = tuple(
        Attributed(
            method,
            {
                Ranking.SIGNED: Curve(method, empty, full, worse),
                Ranking.ABSOLUTE: Curve(method, empty, full, ranked),
            },
        )
        for method in ("eap", "eap-ig")
    )
    search = Searched("kl", "original", 0, curve, suggest(curve, model, "nats"))
    behaviour = TaskPerformance(5.0, 4.0 - gap, 0.1)
    shared = Shared.of(example_circuit().settings)
    return Sweep((Case("ioi", "demo", shared, model, behaviour, (search,), attributed),), failed=("late",))


def with_tests() -> Sweep:
    """The same case with 30 test prompts: all circuits of the search's sizes recover a tenth less there, and are one
    nat further from the model; on the empty circuit's prompts the share is not defined."""
    (case,) = made_up().cases
    sizes = {point.n_edges for point in case.searches[0].curve.points}

    def tested(point: Point) -> Point:
        share = point.faithfulness - 0.1
        its = Estimate(share, share - 0.05, share + 0.05) if point.n_edges else None
        return replace(point, test=OnTest(point.kl + 1, -1 + 4 * share, its)) if point.n_edges in sizes else point

    def curve(of: Curve) -> Curve:
        return replace(of, points=tuple(map(tested, of.points)))

    searches = tuple(replace(search, curve=curve(search.curve)) for search in case.searches)
    searches = tuple(replace(s, suggestion=suggest(s.curve, case.full, s.unit)) for s in searches)
    attributions = tuple(
        replace(each, curves={**each.curves, Ranking.ABSOLUTE: curve(each.curves[Ranking.ABSOLUTE])})
        for each in case.attributions
    )
    prompts = TestPrompts(30, TaskPerformance(0.0, 3.0, 1.0), TaskPerformance(4.0, -1.0, 0.2))
    return Sweep((replace(case, searches=searches, attributions=attributions, test=prompts),))
