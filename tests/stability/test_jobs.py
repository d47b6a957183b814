"""A study's runs are jobs of a grid, and what they vary can be read off them."""

from __future__ import annotations

from acdc_custom.choices import Variation
from acdc_custom.grid import Grid, Job, Kind
from acdc_custom.stability.jobs import base_of, grid_of, notes_of, varied_by
from acdc_custom.stability.plan import plan_runs

BASE = Job("base", "ioi", "demo-4l", threshold=0.05, n=10, seed=3, knock_out="a0.h1", dtype="float64")


def test_a_job_varies_what_its_draw_does_and_nothing_else() -> None:
    plan = plan_runs(tuple(Variation), 4, 3, n_templates=4, seed=3)
    grid = grid_of(BASE, plan)
    assert grid.kind is Kind.STABILITY and [job.name for job in grid.jobs] == [draw.name for draw in plan.draws]
    assert [varied_by(job) for job in grid.jobs] == [draw.varied for draw in plan.draws]
    for job, draw in zip(grid.jobs, plan.draws, strict=True):
        assert (job.resample, job.templates) == (draw.resample, draw.templates)
        assert (job.order, job.order_seed) == (
            ("random", draw.order_seed) if draw.order_seed is not None else ("original", 0)
        )
        assert (job.threshold, job.n, job.seed, job.knock_out, job.dtype) == (0.05, 10, 3, "a0.h1", "float64")


def test_a_saved_grid_says_all_that_is_needed_to_look_at_its_runs_again() -> None:
    plan = plan_runs(tuple(Variation), 4, 3, n_templates=1, seed=3)
    again = Grid.from_json(grid_of(BASE, plan).to_json())
    assert base_of(again) == BASE and notes_of(again) == list(plan.notes) != []


def test_another_share_or_other_workers_are_the_same_grid() -> None:
    plan = plan_runs((Variation.PROMPTS,), 4, 0, n_templates=1, seed=3)
    assert grid_of(BASE, plan).differences(grid_of(BASE, plan)) == []
    assert grid_of(BASE, plan).differences(grid_of(BASE, plan_runs((Variation.PROMPTS,), 5, 0, 1, 3)))
