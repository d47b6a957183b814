"""A study's runs are jobs of a grid, and what they vary can be read off them."""

from __future__ import annotations

from pathlib import Path

from acdc_custom.choices import Variation
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.grid import Grid, Job, Kind
from acdc_custom.grid.folder import PLAN, load_grid
from acdc_custom.stability.jobs import base_of, grid_of, notes_of, share_of, varied_by
from acdc_custom.stability.plan import plan_runs

BASE = Job(
    "base",
    "ioi",
    "demo-4l",
    settings=SearchSettings.of(threshold=0.05, n=10, seed=3, knock_out="a0.h1", dtype="float64"),
)


def test_a_job_varies_what_its_draw_does_and_nothing_else() -> None:
    plan = plan_runs(tuple(Variation), 4, 3, n_templates=4, seed=3)
    grid = grid_of(BASE, plan, 0.5)
    assert grid.kind is Kind.STABILITY and [job.name for job in grid.jobs] == [draw.name for draw in plan.draws]
    assert [varied_by(job) for job in grid.jobs] == [draw.varied for draw in plan.draws]
    for job, draw in zip(grid.jobs, plan.draws, strict=True):
        its, prompts = job.settings, job.settings.prompts
        assert (prompts.resample, prompts.templates) == (draw.resample, draw.templates)
        assert (its.order, its.order_seed) == (
            ("random", draw.order_seed) if draw.order_seed is not None else ("original", 0)
        )
        shared = (its.threshold, prompts.n, prompts.seed, its.knock_out, its.dtype)
        assert shared == (0.05, 10, 3, "a0.h1", "float64")


def saved(grid: Grid, folder: Path) -> Grid:
    """Written and read back."""
    (folder / PLAN).write_text(grid.to_json(), encoding="utf-8")
    return load_grid(folder)


def test_a_saved_grid_says_all_that_is_needed_to_look_at_its_runs_again(tmp_path: Path) -> None:
    plan = plan_runs(tuple(Variation), 4, 3, n_templates=1, seed=3)
    again = saved(grid_of(BASE, plan, 0.5), tmp_path)
    assert base_of(again) == BASE and notes_of(again) == list(plan.notes) != []


def test_more_runs_and_another_share_add_to_the_same_study(tmp_path: Path) -> None:
    few, more = (plan_runs((Variation.PROMPTS,), runs, 0, n_templates=1, seed=3) for runs in (4, 5))
    assert grid_of(BASE, few, 0.5).lost_in(grid_of(BASE, more, 0.9)) == []
    assert grid_of(BASE, more, 0.5).lost_in(grid_of(BASE, few, 0.5)) == ["no longer asked for: prompts-005"]
    assert share_of(saved(grid_of(BASE, few, 0.9), tmp_path)) == 0.9
