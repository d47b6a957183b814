"""`acdc-custom export`: a finished run, for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.choices import ExportForm


@click.command("export", short_help="Write a circuit for other tools.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice([form.value for form in ExportForm]),
    metavar="FORM",
    help="; ".join(f"{form.value}: {form.about}" for form in ExportForm) + ".",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where it goes.  [default: edges.FORM beside circuit.json]",
)
def command(folder: Path, form: str, out: Path | None) -> None:
    """Write a circuit that was found for other tools: FOLDER is a run folder, or a circuit.json.

    \b
    acdc-custom export results/latest_s_demo-4l_0.01 --to graphml
    acdc-custom export results/latest_s_demo-4l_0.01 --to mib --out circuit.json
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.export.exchange import write

    circuit = Circuit.load(folder)
    d_model = None
    if form == ExportForm.MIB:
        from acdc_custom.model.open import model_width

        d_model = model_width(circuit.model.name, say=click.echo)
    beside = folder if folder.is_dir() else folder.parent
    click.echo(f"Written {write(circuit, form, out or beside / ExportForm(form).file_name, d_model)}")
