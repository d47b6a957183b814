"""`acdc-custom known`: searches on models whose circuit is known, by construction or from a publication."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.choices import DEFAULT_THRESHOLD, Device, checked_threshold
from acdc_custom.cli.options import RESULTS, out_option
from acdc_custom.cli.quiet import say_loading
from acdc_custom.known.published import GPT2, PUBLISHED, PublishedName

if TYPE_CHECKING:
    from acdc_custom.known.published import Published


@click.command("known", short_help="Benchmark methods on models with known circuits.")
@click.option(
    "--published",
    type=click.Choice([name.value for name in PublishedName]),
    metavar="NAME",
    help="Search for a circuit that was published, in GPT-2 small, in place of the small models: "
    + "; ".join(f"{p.name.value}: {p.about}" for p in PUBLISHED.values())
    + ".",
)
@click.option(
    "--model",
    metavar="NAME|FOLDER",
    help="With --published: GPT-2 small, by its name on the Hugging Face hub or as a directory.  [default: gpt2]",
)
@click.option(
    "--threshold",
    type=float,
    callback=lambda ctx, option, value: value if value is None else checked_threshold(value),
    help=f"With --published: remove an edge if that raises the metric by less.  [default: {DEFAULT_THRESHOLD:g}]",
)
@click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    help="With --published: where to compute.  [default: auto]",
)
@click.option(
    "--n",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="PROMPTS",
    help="How many prompts per model; fewer where a model has no more.",
)
@click.option(
    "--positions",
    is_flag=True,
    help="Search the small models in positions, too: each edge at each span of the prompts. Takes two to three times "
    "as long.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the prompts.")
@out_option("Where everything goes.  [default: results/known, or a new folder in results/ with --published]")
def command(
    published: str | None,
    model: str | None,
    threshold: float | None,
    device: str | None,
    n: int,
    positions: bool,
    seed: int,
    out: Path | None,
) -> None:
    """Does the search find a circuit that is really there? Three small models were built with known circuits: the ACDC
    paper's reverse and xproportion, compiled from programs in Tracr's manner, and indirect objects, built by hand.

    Each method is tried on each with zero, mean and corrupted ablation: those that decide edges at 14 thresholds,
    those that score edges once. What is found is compared with what was built: right and wrong edges, and the area
    under the ROC curve. Writes known.json, known.csv, known.svg (the areas as a table) and known_curves.svg. See
    acdc-custom discover --help for the methods.

    With --positions, it is also known at which spans of the prompts each edge acts, and each method is tried in
    positions, too: the areas with positions and without stand side by side.

    With --published, searches GPT-2 small for a circuit that others have published, and tells how much of it is found:
    precision and recall of the circuit's heads and MLPs, and of the roles of all heads. Writes a run folder, with
    published.json and published.csv in it.

    \b
    acdc-custom known
    acdc-custom known --positions
    acdc-custom known --published gpt2-ioi --model gpt2
    """
    from acdc_custom.choices import checked_seed
    from acdc_custom.known.published import check_together

    checked_seed(seed)
    check_together(published is not None, positions, "--", model=model, threshold=threshold, device=device)
    if published is None:
        _built(n, seed, positions, out)
        return
    chosen = DEFAULT_THRESHOLD if threshold is None else threshold
    _published(PUBLISHED[PublishedName(published)], model or GPT2, chosen, device or Device.AUTO.value, n, seed, out)


def _published(
    published: Published, model_name: str, threshold: float, device: str, n: int, seed: int, out: Path | None
) -> None:
    """Search GPT-2 small for a published circuit."""
    from acdc_custom.circuit.settings import SearchSettings
    from acdc_custom.runs.folder import RunFolder, free_folder

    settings = SearchSettings.of(threshold=threshold, n=n, seed=seed, device=device)
    folder = out or free_folder(RESULTS, published.name.value, Path(model_name).name, settings)
    with RunFolder.begin(folder) as run_folder:
        say_loading(model_name)
        from acdc_custom.choices import Precision
        from acdc_custom.cli.running import describe_batch, echo_written, open_told, run_search
        from acdc_custom.export.picture import PICTURES, draw
        from acdc_custom.files.table import write_csv
        from acdc_custom.files.writing import write_file
        from acdc_custom.graph import Stage
        from acdc_custom.heads.find import find_roles
        from acdc_custom.known.against import lines, matches, to_json, to_rows
        from acdc_custom.known.greater_than import write_task
        from acdc_custom.known.published import check_shape
        from acdc_custom.progress.bar import ProgressBar
        from acdc_custom.runs.job import Job
        from acdc_custom.runs.run import begin

        model = open_told(model_name, device, Precision.FLOAT32.value)
        check_shape(published, model.graph.shape, model_name)
        task = "ioi"
        if published.name is PublishedName.GREATER_THAN:
            task = str(write_task(folder / "task", model.tokenizer, n, seed))
        job = Job(folder.resolve().name, task, model_name, settings)
        run = begin(run_folder, job, lambda *_: model, roles=False)  # of all heads, below
        for line in describe_batch(run.prepared, threshold):
            click.echo(line)
        circuit = run_search(run)
    table, files = None, list[Path]()
    if published.roles:
        every = [sender for sender in model.graph.senders if sender.stage is Stage.HEAD]
        with ProgressBar() as progress:
            table = find_roles(run.prepared, circuit, every, progress)
        files += [*table.save(folder), *(draw(circuit, folder / name, heads=table) for name in PICTURES)]
    found = matches(published, circuit, table)
    files += [
        write_file(folder / "published.json", to_json(published, circuit, found)),
        write_csv(folder / "published.csv", to_rows(found)),
    ]
    click.echo("")
    for line in lines(published, found):
        click.echo(line)
    echo_written(files)


def _built(n: int, seed: int, positions: bool, out: Path | None) -> None:
    """Search the models that come with this package."""
    from acdc_custom.cli.running import echo_written
    from acdc_custom.errors import count
    from acdc_custom.files.columns import left, table
    from acdc_custom.files.table import write_csv
    from acdc_custom.files.writing import write_file
    from acdc_custom.known.areas import draw_areas
    from acdc_custom.known.content import JSON_NAME, to_json
    from acdc_custom.known.picture import draw
    from acdc_custom.known.table import lines, to_rows
    from acdc_custom.known.trial import known_models, n_steps, run_trials
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.progress.protocol import steps

    models = known_models(n, seed)
    about = [
        (
            known.name,
            f"{known.about}; {known.model.graph.n_edges} edges, {count(len(known.prompts), 'prompt')}, "
            f"metric in {known.metric.unit}",
        )
        for known in models
    ]
    for line in table((left(), left()), about):
        click.echo(line)
    with ProgressBar(unit=" searches") as progress:
        on_step = steps(progress, "Searching", n_steps(models, positions))
        trials = list(run_trials(models, on_step, positions))
    folder = out or RESULTS / "known"
    files = [  # before anything is said: nobody may be listening any more
        write_file(folder / JSON_NAME, to_json(trials, seed)),
        write_csv(folder / "known.csv", to_rows(trials)),
        draw_areas(trials).save(folder / "known.svg"),
        draw(trials).save(folder / "known_curves.svg"),
    ]
    click.echo("")
    for line in lines(trials):
        click.echo(line)
    echo_written(files)
