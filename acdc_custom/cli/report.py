"""`acdc-custom report`: a run explained on one page."""

from __future__ import annotations

from pathlib import Path

import click

from acdc_custom.cli.options import run_device_option


@click.command("report", short_help="Write one page that explains a run.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page goes.  [default: report.html in the run folder]",
)
@run_device_option
def command(folder: Path, out: Path | None, device: str | None) -> None:
    """Explain a run on one page: FOLDER is a run folder, or a circuit.json.

    The page is a single file that opens in any browser without a network: what was asked, how well the model does it,
    the circuit to zoom and click through, where its heads look, and what the result does not show. What acdc-custom
    evaluate and acdc-custom stability have found out about the circuit goes in, too. The model is opened again for
    this; its weights and the prompts have to be those of the run.

    \b
    acdc-custom report results/latest_s_demo-4l_0.01
    """
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.progress.bar import ProgressBar
    from acdc_custom.report.write import write_report

    Circuit.load(folder)  # what is wrong with the folder is told before anything is loaded
    with ProgressBar("Report: ") as progress:
        path = write_report(folder, out, device, progress)
    click.echo(f"Written {path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser.")
