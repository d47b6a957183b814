"""`acdc-custom evaluate`: can a circuit be believed?"""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import run_device_option
from acdc_custom.cli.quiet import say_loading


@click.command("evaluate", short_help="Evaluate a circuit: faithfulness, completeness, minimality.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--also",
    multiple=True,
    metavar="TASK",
    help="Try the circuit on another task's prompts, too: a task's name or file. May be given several times.",
)
@click.option(
    "--n",
    type=click.IntRange(min=5),
    metavar="PROMPTS",
    help="How many new prompts of each kind.  [default: the run's]",
)
@click.option("--seed", type=int, help="Of new prompts and of everything random.  [default: the run's plus 1]")
@click.option(
    "--draws", type=int, default=50, show_default=True, help="How many random circuits of each kind, and random edges."
)
@run_device_option
def command(
    folder: Path, also: tuple[str, ...], n: int | None, seed: int | None, draws: int, device: str | None
) -> None:
    """Find out whether a circuit can be believed: FOLDER is a run folder, the consensus folder of a stability
    study, or a circuit.json.

    On the prompts that it was found on and on new ones (of other templates and words, too): how near it comes to the
    model, with intervals; against random circuits of its size, and against as many edges chosen by other methods
    (see discover --help); whether it is complete and minimal; and the hypothesis tests of Shi et al. 2024. Begins with
    a verdict in words. Writes evaluation.json, evaluation.csv and evaluation.svg beside the circuit.

    \b
    acdc-custom evaluate results/latest_s_demo-4l_0.01
    acdc-custom evaluate results/latest_s_demo-4l_0.01 --also latest_s_words \\
      --n 100
    """
    from acdc_custom.choices import checked_seed
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.circuit.random_circuits import checked_draws
    from acdc_custom.cli.running import describe_model, echo_written
    from acdc_custom.heads.table import JSON_NAME, HeadTable
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.task import load_task

    circuit = Circuit.load(folder)  # what is wrong with what was given is told before anything is loaded
    checked_draws(draws)
    if seed is not None:
        checked_seed(seed)
    tasks = [load_task(name) for name in also]
    where = folder if folder.is_dir() else folder.parent
    heads = HeadTable.load(where / JSON_NAME) if (where / JSON_NAME).exists() else None
    say_loading(circuit.model.name)
    from acdc_custom.evaluate.content import write_evaluation
    from acdc_custom.evaluate.evaluation import evaluate_circuit
    from acdc_custom.evaluate.summary import summarize_evaluation
    from acdc_custom.runs.reopen import reopen

    prepared = reopen(folder, device, say=click.echo).prepared
    click.echo(f"Model      {describe_model(prepared.model)}")
    with ProgressBar() as progress:
        evaluation = evaluate_circuit(prepared, circuit, heads, n, seed, tasks, draws, progress)
    files = write_evaluation(evaluation, where)  # before anything is said: nobody may be listening any more
    click.echo(summarize_evaluation(evaluation))
    echo_written(files)
