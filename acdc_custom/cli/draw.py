"""`acdc-custom draw`: the picture of a finished run, in another format or with fewer edges."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("draw", short_help="Draw a circuit as SVG, PNG, PDF or DOT.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The picture: .svg, .png, .pdf or .dot.",
)
@click.option(
    "--edges",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the N strongest edges.  [default: all, up to 300]",
)
def command(folder: Path, out: Path, edges: int | None) -> None:
    """Draw a circuit that was found: FOLDER is a run folder, or a circuit.json.

    Heads are coloured by role if acdc-custom roles has left a heads.json beside the circuit.

    \b
    acdc-custom draw results/latest_s_demo-4l_0.01 --out circuit.png --edges 40
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.export.picture import draw
    from acdc_custom.heads.table import JSON_NAME, HeadTable

    circuit = Circuit.load(folder)
    heads = (folder if folder.is_dir() else folder.parent) / JSON_NAME
    click.echo(f"Written {draw(circuit, out, edges, HeadTable.load(heads) if heads.exists() else None)}")
