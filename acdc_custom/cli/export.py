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

    The folder of a path (discover --path) can be exported to mib: every edge's score says when it went, and in the
    graph are the edges of the largest circuit.

    \b
    acdc-custom export results/latest_s_demo-4l_0.01 --to graphml
    acdc-custom export results/latest_s_demo-4l_0.01 --to mib --out circuit.json
    """
    from acdc_custom.circuit.circuit import FILE_NAME, Circuit
    from acdc_custom.export.exchange import write
    from acdc_custom.path.folder import FILE_NAME as PATH

    if (folder / PATH).exists() and not (folder / FILE_NAME).exists():
        _export_path(folder, form, out)
        return
    circuit = Circuit.load(folder)
    d_model = None
    if form == ExportForm.MIB:
        from acdc_custom.model.open import model_width

        d_model = model_width(circuit.model.name, say=click.echo)
        if circuit.in_positions:
            merged = len(circuit.at_all_spans.edges)
            click.echo(
                f"mib knows no positions: {len(circuit.edges)} edges at {len(circuit.spans)} spans are merged into "
                f"{merged} edges, each with the largest of its effects."
            )
    beside = folder if folder.is_dir() else folder.parent
    click.echo(f"Written {write(circuit, form, out or beside / ExportForm(form).file_name, d_model)}")


def _export_path(folder: Path, form: str, out: Path | None) -> None:
    """The ranking of all edges."""
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.errors import UsageError
    from acdc_custom.export.mib import to_mib
    from acdc_custom.files.writing import write_file
    from acdc_custom.graph import Edge
    from acdc_custom.model.open import model_width
    from acdc_custom.path.folder import PathRecord
    from acdc_custom.path.ranking import went_at

    if form != ExportForm.MIB:
        raise UsageError(
            f"{folder} holds a path: it is exported to mib. Of its circuits, name one, as in {folder}/0.01."
        )
    points = PathRecord.load(folder).points
    circuits = [(point.threshold, Circuit.load(folder / point.name)) for point in points]
    if not circuits:
        raise UsageError(f"nothing has been found yet in {folder}. Go on with: acdc-custom resume {folder}")
    ranking = list(went_at(circuits))
    scores: dict[Edge, float] = {}
    for place, edge in enumerate(ranking):
        scores.setdefault(edge.merged, 1 - place / len(ranking))  # in positions, that of its first span
    first = circuits[0][1]
    text = to_mib(first, model_width(first.model.name, say=click.echo), scores)
    click.echo(f"Written {write_file(out or folder / ExportForm(form).file_name, text)}")
