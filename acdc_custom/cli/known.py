"""`acdc-custom known`: searches on models whose circuit is known."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import RESULTS, out_option


@click.command("known", short_help="Test the search on models whose circuit is known by construction.")
@click.option(
    "--n",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="PROMPTS",
    help="How many prompts per model; fewer where a model has no more.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the prompts.")
@out_option("Where tables and figure go.  [default: results/known]")
def command(n: int, seed: int, out: Path | None) -> None:
    """Does the search find a circuit that is really there? Three small models were built with known circuits: the ACDC
    paper's reverse and xproportion, compiled from programs in Tracr's manner, and indirect objects, built by hand.

    Each method is tried on each with zero, mean and corrupted ablation: those that decide edges at 14 thresholds,
    those that score edges once. What is found is compared with what was built: right and wrong edges, and the area
    under the ROC curve. Writes known.json, known.csv and known.svg. See acdc-custom discover --help for the methods.

    \b
    acdc-custom known
    """
    from acdc_custom.choices import checked_seed

    checked_seed(seed)
    from tqdm import tqdm

    from acdc_custom.cli.running import echo_written
    from acdc_custom.errors import count
    from acdc_custom.files.table import write_csv
    from acdc_custom.files.writing import write_file
    from acdc_custom.known.picture import draw
    from acdc_custom.known.table import lines, to_json, to_rows
    from acdc_custom.known.trial import known_models, n_steps, run_trials

    models = known_models(n, seed)
    for known in models:
        click.echo(
            f"{known.name:<13}{known.about}; {known.model.graph.n_edges} edges, {count(len(known.prompts), 'prompt')}, "
            f"metric in {known.metric.unit}"
        )
    with tqdm(total=n_steps(models), desc="Searching", unit=" searches", dynamic_ncols=True, leave=False) as bar:
        trials = list(run_trials(models, bar.update))
    folder = out or RESULTS / "known"
    files = [  # before anything is said: nobody may be listening any more
        write_file(folder / "known.json", to_json(trials, seed)),
        write_csv(folder / "known.csv", to_rows(trials)),
        draw(trials).save(folder / "known.svg"),
    ]
    click.echo("")
    for line in lines(trials):
        click.echo(line)
    echo_written(files)
