"""`acdc-custom sweep`: the curve over thresholds."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.choices import DEFAULT_METHOD, Ablation, Metric, Order, checked_seed, checked_threshold, parse_metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli.options import HUB_HINT, RESULTS, executor_options, listed_tasks, out_option, settings_options
from acdc_custom.errors import UsageError
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.search.registry import deciding_methods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acdc_custom.cli.options import ExecutorChoice
    from acdc_custom.grid import Ended, Grid
    from acdc_custom.sweep.measure import SweepRun

COUNT = 8


@click.command("sweep", short_help="Plot circuit size against faithfulness over thresholds.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    callback=lambda ctx, option, values: tuple(task for value in values for task in listed_tasks(value)),
    metavar="NAME|FILE,...",
    help="A built-in task, or a task file; several with commas between them. Needed, unless --of is given. This "
    "and the options below up to --order-seed can be given several times: every combination is run.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    default=(DEFAULT_MODEL,),
    show_default=True,
    metavar="NAME|FOLDER",
    help=f"The model: {HUB_HINT}.",
)
@click.option(
    "--threshold",
    "thresholds",
    type=float,
    multiple=True,
    callback=lambda ctx, option, values: tuple(map(checked_threshold, values)),
    metavar="TAU",
    help="A threshold.  [default: 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1 and 0.2]",
)
@click.option(
    "--method",
    "methods",
    type=click.Choice([method.name for method in deciding_methods()]),
    multiple=True,
    metavar="METHOD",
    default=(DEFAULT_METHOD,),
    show_default=True,
    help="How edges are decided: " + "; ".join(f"{method.name}: {method.about}" for method in deciding_methods()) + ".",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    callback=lambda ctx, option, values: tuple(parse_metric(value).value for value in values),
    help=f"What is minimised: {', '.join(Metric)}, or module:function for your own.  [default: the task's, usually kl]",
)
@click.option(
    "--ablation",
    "ablations",
    type=click.Choice([a.value for a in Ablation]),
    multiple=True,
    metavar="KIND",
    default=(Ablation.CORRUPTED.value,),
    show_default=True,
    help=f"What a removed edge carries: {', '.join(Ablation)}.",
)
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    callback=lambda ctx, option, values: tuple(map(checked_seed, values)),
    default=(0,),
    show_default=True,
    help="Which prompts. Each seed gives prompts, and so curves, of its own.",
)
@click.option(
    "--order",
    "orders",
    type=click.Choice([o.value for o in Order]),
    multiple=True,
    metavar="ORDER",
    default=(Order.ORIGINAL.value,),
    show_default=True,
    help=f"How heads of a layer and their inputs are visited: {', '.join(Order)}.",
)
@click.option(
    "--order-seed",
    "order_seeds",
    type=int,
    multiple=True,
    callback=lambda ctx, option, values: tuple(map(checked_seed, values)),
    default=(0,),
    show_default=True,
    help="Which random order.",
)
@click.option(
    "--thresholds",
    "spread_over",
    metavar="LIST|FROM..TO",
    help="Several thresholds, in place of --threshold: a list such as 0.1,0.03,0.01, or a range such as 0.001..0.1, "
    "divided at equal ratios.",
)
@click.option("--count", type=int, default=COUNT, show_default=True, metavar="N", help="How many of them.")
@click.option(
    "--path",
    is_flag=True,
    help="Search the whole model at the smallest threshold only, and at each larger one the edges that are left: the "
    "circuits are nested, and found with about a third of the evaluations.",
)
@click.option(
    "--of",
    "finished",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="In place of --task: make the curves of a path that acdc-custom discover --path has found, without searching "
    "again. Only --device and --out go with it.",
)
@settings_options(
    "positions", "n", "held_out", "corruption", "templates", "knock_out", "device", "dtype", "memory_limit"
)
@executor_options
@out_option(
    "Where everything goes.  [default: results/sweep_TASK_MODEL, with --path results/sweep_TASK_MODEL_path, "
    "with --of the path's own folder]"
)
@click.pass_context
def command(
    ctx: click.Context,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    thresholds: tuple[float, ...],
    methods: tuple[str, ...],
    metrics: tuple[str, ...],
    ablations: tuple[str, ...],
    seeds: tuple[int, ...],
    orders: tuple[str, ...],
    order_seeds: tuple[int, ...],
    spread_over: str | None,
    count: int,
    path: bool,
    finished: Path | None,
    settings: SearchSettings,
    choice: ExecutorChoice,
    out: Path | None,
) -> None:
    """How small a circuit can be, and what it costs: search at many thresholds, and see which one to take.

    Every threshold is a run of its own, in a folder of its own; with --path, each starts from the circuit of the one
    before. Beside the circuits of the search stand those of the same size that other methods (see discover --help) rank
    first; with --positions, all of these are of edges at spans, and --method grouped takes a fraction of the time.
    Shows edges against KL and against the logit difference that is recovered, on the prompts of the search and on
    others, the areas CPR and CMD of the MIB benchmark, and a threshold with the reason for it.
    Writes sweep.json, sweep.csv and sweep.svg. The same command once more goes on where it was stopped.

    \b
    acdc-custom sweep --task ioi
    acdc-custom sweep --task ioi,latest_s --thresholds 0.001..0.1 --count 10
    acdc-custom sweep --task ioi --path
    acdc-custom sweep --of results/ioi_demo-4l_path
    """
    from acdc_custom.circuit import thresholds as several
    from acdc_custom.sweep.plan import DEFAULT_THRESHOLDS, Varied, in_paths, plan_sweep

    if finished is not None:
        _measure_path(ctx, finished, out)
        return
    if not tasks:
        raise UsageError("there is no task. Give one with --task, such as --task ioi, or a finished path with --of.")
    if spread_over is not None:
        if thresholds:
            raise UsageError("--threshold and --thresholds were both given. Leave one of them out.")
        thresholds = several.read(spread_over, count)
    if count != COUNT and ".." not in (spread_over or ""):
        raise UsageError("--count says how many thresholds a range is divided into. Give the range with --thresholds.")
    thresholds = thresholds or DEFAULT_THRESHOLDS
    if path and len(set(thresholds)) < 2:
        raise UsageError(f"--path has one threshold, {thresholds[0]:g}. Give several, or leave --path out.")
    varied = Varied(
        tasks,
        models,
        thresholds,
        metrics or (None,),
        ablations,
        seeds,
        orders,
        order_seeds,
        methods,
    )
    grid = plan_sweep(varied, settings)
    grid = in_paths(grid) if path else grid
    folder = out or RESULTS / f"{default_name(tasks, models, settings)}{'_path' * path}"
    from acdc_custom.cli.grids import execute

    conclude(grid, folder, execute(grid, folder, choice))


def _measure_path(ctx: click.Context, folder: Path, out: Path | None) -> None:
    """The curves of a path that has ended, beside its circuits unless another folder is given."""
    from click.core import ParameterSource

    from acdc_custom.errors import ResultError
    from acdc_custom.files.claim import claim_for_output
    from acdc_custom.grid.folder import PLAN
    from acdc_custom.path.folder import PathRecord
    from acdc_custom.sweep.measure import SweepRun

    given = [
        option.opts[0]
        for option in ctx.command.params
        if option.name and ctx.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    ]
    if others := [name for name in given if name not in ("--of", "--device", "--out")]:
        raise UsageError(f"--of takes a path as it was found: leave {' and '.join(others)} out.")
    again = f"acdc-custom resume {shlex.quote(str(folder))}"
    if (folder / PLAN).exists():
        raise ResultError(f"{folder} is of a sweep or a study, whose curves are made anew by: {again}")
    record = PathRecord.load(folder)
    if not record.ended:
        raise ResultError(f"the path in {folder} has not ended. Go on with: {again}")
    runs = [SweepRun.load(folder / point.name) for point in record.points]
    where = out or folder  # ours before anything is computed for it
    advice = "give another folder with --out."
    claimed = claim_for_output(
        where, f"another process is writing into {where}. Wait for it, or {advice}", f" {advice.capitalize()}"
    )
    try:
        _show(runs, [], where, ctx.params["device"] if "--device" in given else None)
    finally:
        claimed.give_back()


def conclude(grid: Grid, folder: Path, ended: Sequence[Ended]) -> None:
    """Make the curves of what has ended, write and show them. Raises `SearchError` last, if runs of the grid failed."""
    from acdc_custom.cli.grids import check_ended
    from acdc_custom.sweep.measure import SweepRun

    failed = [run.job.name for run in ended if run.error]
    if len(failed) == len(ended):
        check_ended(ended, folder)
    _show([SweepRun.load(run.folder) for run in ended if not run.error], failed, folder)
    check_ended(ended, folder)


def _show(runs: Sequence[SweepRun], failed: Sequence[str], folder: Path, device: str | None = None) -> None:
    """Make the curves of finished runs, write and show them."""
    from acdc_custom.cli.running import echo_written
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.sweep.content import write_sweep
    from acdc_custom.sweep.measure import measure
    from acdc_custom.sweep.summary import summarize_sweep

    with ProgressBar() as progress:
        sweep = measure(runs, failed, device, progress)
    files = write_sweep(sweep, folder)
    click.echo(summarize_sweep(sweep))
    echo_written(files)


def default_name(tasks: tuple[str, ...], models: tuple[str, ...], settings: SearchSettings) -> str:
    """`sweep_ioi_latest_s_demo-4l`; in positions, `sweep_ioi_demo-4l_positions`."""
    from acdc_custom.runs.folder import POSITIONS
    from acdc_custom.task import load_task

    names = [*(load_task(task).name for task in tasks), *(Path(model).name for model in models)]
    return "_".join(["sweep", *dict.fromkeys(names), *([POSITIONS] if settings.positions else [])])
