"""`acdc-custom roles`: what each head of a circuit does, and how that is known."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import run_device_option
from acdc_custom.cli.quiet import say_loading


@click.command("roles", short_help="Classify the heads of a circuit, from measurements.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--all-heads", is_flag=True, help="All heads of the model, and not only the circuit's; and movers anywhere in it."
)
@click.option("--n", type=click.IntRange(min=1), metavar="PROMPTS", help="How many prompts.  [default: the run's]")
@click.option("--seed", type=int, help="Which prompts, and which random tokens.  [default: the run's]")
@run_device_option
def command(folder: Path, all_heads: bool, n: int | None, seed: int | None, device: str | None) -> None:
    """Tell what each head of a circuit does: FOLDER is a run folder, or a circuit.json.

    The circuit's heads are measured one by one: path patching to the logits and to the queries of the circuit's movers,
    copying, attention from END, attention on repeated random tokens. A head gets a role where the evidence is strong
    enough, compared with a threshold, with other heads (a random sample of the model's, 60 or all) and with random
    tokens; for an unclassified head it is said what is missing. Writes heads.csv and heads.json beside the circuit, and
    draws its circuit.svg and circuit.dot anew, coloured by role.

    \b
    acdc-custom roles results/ioi_smollm2-135m_0.01
    acdc-custom roles results/ioi_smollm2-135m_0.01 --all-heads --n 16
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.cli.running import describe_model, tell_trouble
    from acdc_custom.errors import ResultError
    from acdc_custom.export.picture import draw_pictures
    from acdc_custom.progress.bar import ProgressBar

    circuit = Circuit.load(folder)  # what is wrong with the folder is told before anything is loaded
    say_loading(circuit.model.name)
    from acdc_custom.engine.prepared import prepare_batch
    from acdc_custom.graph import Stage
    from acdc_custom.heads.find import find_roles
    from acdc_custom.heads.summary import summarize_heads
    from acdc_custom.runs.reopen import reopen

    prepared = reopen(folder, device, say=click.echo).prepared
    click.echo(f"Model      {describe_model(prepared.model)}")
    if (n, seed) != (None, None):
        prompts = circuit.settings.prompts
        chosen = circuit.settings.with_(n=n or prompts.n, seed=prompts.seed if seed is None else seed)
        prepared = prepare_batch(prepared.task, prepared.model, chosen)
    every = [sender for sender in prepared.model.graph.senders if sender.stage is Stage.HEAD]
    with ProgressBar() as progress:
        table = find_roles(prepared, circuit, every if all_heads else None, progress)
    click.echo(summarize_heads(table))
    where = folder if folder.is_dir() else folder.parent
    click.echo("Written")
    troubles: list[ResultError] = []
    for path in [*table.save(where), *draw_pictures(circuit, where, troubles.append, table)]:
        click.echo(f"  {path}")
    for error in troubles:
        tell_trouble(error)
