"""`acdc-custom stability`: the same search many times, and what the runs have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.choices import Variation
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli.options import (
    RESULTS,
    ExecutorChoice,
    executor_options,
    model_option,
    out_option,
    seed_option,
    settings_options,
    task_option,
)
from acdc_custom.stability.plan import FEWEST_RUNS, parse_variations
from acdc_custom.stability.shares import DEFAULT_SHARE, checked_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acdc_custom.grid import Ended, Grid


@click.command("stability", short_help="Search many times: which edges and heads come back.")
@task_option
@model_option
@click.option(
    "--runs",
    type=int,
    default=20,
    show_default=True,
    metavar="N",
    help="How many runs vary everything at once; the consensus is made of these.",
)
@click.option(
    "--vary",
    metavar="KINDS",
    callback=lambda ctx, option, value: parse_variations(value),
    default=",".join(Variation),
    show_default=True,
    help="What a run has of its own: " + "; ".join(f"{kind}: {kind.about}" for kind in Variation) + ".",
)
@click.option(
    "--alone",
    type=int,
    default=5,
    show_default=True,
    metavar="N",
    help="How many runs more vary each kind alone, to tell which of several matters; 0 for none.",
)
@click.option(
    "--share",
    type=float,
    callback=lambda ctx, option, value: checked_share(value),
    default=DEFAULT_SHARE,
    show_default=True,
    help="The consensus has the edges that at least this share of the runs keep. Another share needs no new runs.",
)
@settings_options(
    *("method", "threshold", "edges", "ranking", "positions", "steps", "metric", "corruption", "ablation"),
    *("knock_out", "n", "seed", "device", "dtype", "memory_limit"),
    seed=seed_option("Which prompts, and which draws of the runs."),
)
@executor_options
@out_option("Where everything goes.  [default: results/stability_TASK_MODEL_THRESHOLD]")
def command(
    choice: ExecutorChoice,
    task: str,
    model: str,
    settings: SearchSettings,
    runs: int,
    vary: tuple[Variation, ...],
    alone: int,
    share: float,
    out: Path | None,
) -> None:
    """Search many times, on other prompts, in other orders, in other words: which edges and heads can be relied on.

    A single circuit is a sample. For every edge and head: the share of runs that keep it, with an interval. How alike
    two runs are (Jaccard index), and which variation matters. The consensus circuit: what at least a share of the runs
    keep, and how well it does the task beside the single circuits. With --positions all of that is of edges and heads
    at single spans, and beside it stands how alike runs are whatever the span. Every run is a run folder, and so is
    consensus/. Writes stability.json, edges.csv, heads.csv, stability.svg and edges.svg. The same command goes on where
    it was stopped; with more --runs it adds to them, with another --share it looks at the same runs again.

    \b
    acdc-custom stability --task ioi --n 20 --runs 20
    acdc-custom stability --task ./mine.toml --model gpt2 --vary prompts,orders \\
      --share 0.9
    """
    from acdc_custom.cli.grids import execute
    from acdc_custom.runs.folder import folder_name
    from acdc_custom.runs.job import Job
    from acdc_custom.search.registry import method_named
    from acdc_custom.stability.jobs import grid_of
    from acdc_custom.stability.plan import plan_runs
    from acdc_custom.task import load_task

    loaded = load_task(task)
    settings = method_named(settings.method).completed(settings)
    plan = plan_runs(vary, runs, alone, loaded.n_templates, settings.prompts.seed)
    grid = grid_of(Job("base", task, model, settings), plan, share)
    folder = out or RESULTS / f"stability_{folder_name(loaded.name, Path(model).name, settings)}"
    conclude(grid, folder, execute(grid, folder, choice))


def conclude(grid: Grid, folder: Path, ended: Sequence[Ended]) -> None:
    """Look at what has ended, write and show what it has in common. Raises `SearchError` last, if runs failed."""
    from acdc_custom.cli.grids import check_ended
    from acdc_custom.cli.running import echo_written, open_told
    from acdc_custom.errors import count
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.progress.protocol import steps
    from acdc_custom.runs.run import prepare_job
    from acdc_custom.stability.content import write_stability
    from acdc_custom.stability.jobs import base_of, finished_runs, notes_of, share_of, varied_by
    from acdc_custom.stability.record import n_measured
    from acdc_custom.stability.study import study_runs
    from acdc_custom.stability.words import summarize_stability

    runs, notes, share = finished_runs(ended), notes_of(grid), share_of(grid)
    if missing := len(ended) - len(runs):
        notes.append(f"{count(missing, 'run')} of {len(ended)} failed: everything here is of the others.")
    if sum(run.varied == varied_by(grid.jobs[0]) for run in runs) < FEWEST_RUNS:
        check_ended(ended, folder)
    prepared, request = prepare_job(base_of(grid), open_told)
    with ProgressBar() as progress:
        on_step = steps(progress, "Running circuits", n_measured(runs, share))
        study = study_runs(runs, prepared, request.provenance, share, notes, on_step)
    files = write_stability(study.stability, study.consensus, request, folder)
    click.echo(summarize_stability(study.stability))
    echo_written(files)
    check_ended(ended, folder)
