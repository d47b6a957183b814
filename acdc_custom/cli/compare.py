"""`acdc-custom compare`: what circuits share, against chance, and each on each other's prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.choices import Device
from acdc_custom.cli.options import out_option
from acdc_custom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acdc_custom.compare.comparison import Crossing
    from acdc_custom.compare.entry import Entry
    from acdc_custom.progress.bar import ProgressBar


@click.command("compare", short_help="Compare circuits: overlap, and overlap expected by chance.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER FOLDER...")
@click.option(
    "--without-model",
    is_flag=True,
    help="Compare the files alone; no circuit is run on another's prompts.",
)
@click.option(
    "--positions/--no-positions",
    default=None,
    help="Compare circuits in positions at their spans, and without them; or without them alone.  [default: at spans, "
    "if all circuits are in positions and share spans]",
)
@click.option(
    "--draws",
    type=int,
    default=1000,
    show_default=True,
    metavar="N",
    help="How many random circuits of each kind.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random circuits.")
@out_option("Where the results go.  [default: results/compare_NAMES]")
@click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    help="Where to compute.  [default: where the runs did]",
)
def command(
    folders: tuple[Path, ...],
    without_model: bool,
    positions: bool | None,
    draws: int,
    seed: int,
    out: Path | None,
    device: str | None,
) -> None:
    """Compare circuits of other tasks, thresholds, seeds, or models of one shape: each FOLDER is a run folder, or a
    circuit.json.

    Shared and private edges, nodes and heads; Jaccard index, precision and recall, overlap weighted by effect, each
    against random circuits of the same size and degrees; roles side by side where acdc-custom roles has left them; and
    each circuit on each other's prompts, for which the models are opened again. Circuits in positions are compared at
    the spans that all of them have, and beside it whatever the span. Writes comparison.json, comparison.svg and
    comparison.html.

    \b
    acdc-custom compare results/latest_s_demo-4l_0.01 results/ioi_demo-4l_0.01
    acdc-custom compare results/ioi_*/ --without-model
    """
    from acdc_custom.choices import checked_seed
    from acdc_custom.cli.running import echo_written
    from acdc_custom.compare.entry import load_entries
    from acdc_custom.progress.bar import ProgressBar

    entries = load_entries(folders, positions)  # what is wrong with a folder is told before anything is loaded
    checked_seed(seed)
    if without_model and device:
        raise UsageError("--device says where the models run, and --without-model runs none. Leave one of them out.")
    from acdc_custom.circuit.random_circuits import checked_draws
    from acdc_custom.compare.comparison import compare_circuits
    from acdc_custom.compare.content import default_folder, write_comparison
    from acdc_custom.compare.summary import summarize_comparison

    checked_draws(draws)
    with ProgressBar() as progress:
        crossings = [] if without_model else _cross(entries, device, progress)
        comparison = compare_circuits(entries, draws, seed, crossings, progress)
    files = write_comparison(comparison, out or default_folder(entries))
    click.echo(summarize_comparison(comparison))
    echo_written(files)


def _cross(entries: Sequence[Entry], device: str | None, progress: ProgressBar) -> list[Crossing]:
    """Run each on each other's prompts, with a progress bar."""
    from acdc_custom.compare.crossing import cross, n_crossings
    from acdc_custom.errors import ModelError, ResultError, TaskError

    crossings = []
    progress("Each circuit on each other's prompts", 0, n_crossings(entries))
    try:
        for crossing in cross(entries, device):
            crossings.append(crossing)
            progress("Each circuit on each other's prompts", 1, n_crossings(entries))
    except (ModelError, ResultError, TaskError) as error:
        raise type(error)(f"{error} To compare the files alone, add --without-model.") from error
    return crossings
