"""`acdc-custom show`: a finished run, in a dozen lines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("show", short_help="Show a circuit that was found.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--edges",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many of the strongest edges.",
)
def command(folder: Path, edges: int) -> None:
    """Show a circuit that was found: FOLDER is a run folder, or a circuit.json.

    \b
    acdc-custom show results/latest_s_demo-4l_0.01 --edges 30
    """
    from acdc_custom.circuit import Circuit
    from acdc_custom.summary import summarize

    click.echo(summarize(Circuit.load(folder), edges))
