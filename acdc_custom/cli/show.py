"""`acdc-custom show`: a finished run, in a dozen lines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("show", short_help="Print the summary of a circuit.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--edges",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many of the strongest edges.",
)
def command(folder: Path, edges: int) -> None:
    """Show a circuit that was found, and name what else was found out: FOLDER is a run folder, or a circuit.json.

    \b
    acdc-custom show results/latest_s_demo-4l_0.01 --edges 30
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.circuit.summary import summarize
    from acdc_custom.evaluate.content import JSON_NAME as EVALUATION
    from acdc_custom.heads.table import JSON_NAME as HEADS
    from acdc_custom.report.write import FILE_NAME as REPORT

    click.echo(summarize(Circuit.load(folder), edges))
    where = folder if folder.is_dir() else folder.parent
    meanings = {HEADS: "what its heads do", EVALUATION: "whether it can be believed", REPORT: "all on one page"}
    if others := [f"{name} ({meaning})" for name, meaning in meanings.items() if (where / name).exists()]:
        click.echo(f"Beside it: {', '.join(others)}")
