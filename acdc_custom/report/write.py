"""From a run folder to its `report.html`.

Owns the order of the steps, and where the file goes.
"""

from __future__ import annotations

from pathlib import Path

from acdc_custom.choices import Device
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import ResultError
from acdc_custom.files.writing import write_file
from acdc_custom.progress.protocol import Progress, silent

FILE_NAME = "report.html"


def write_report(
    where: str | Path,
    out: str | Path | None = None,
    device: Device | str | None = None,
    on_progress: Progress = silent,
) -> Path:
    """Write the report of a run folder, or of a `circuit.json`; gives its path, `report.html` beside it by default.

    Opens the run's model again, on `device` if it is given. What lies there of an evaluation or a study of stability
    goes in, too, and so do its roles, which are measured where there are none of this circuit. `on_progress` hears what
    is about to be done. Raises an `AcdcError` that says why there can be none.
    """
    where = Path(where)
    folder = where if where.is_dir() else where.parent
    path = Path(out) if out is not None else folder / FILE_NAME
    from acdc_custom.heads.table import JSON_NAME, HeadTable
    from acdc_custom.report.beside import read_beside

    circuit = Circuit.load(where)
    beside = read_beside(folder, circuit)
    heads = HeadTable.load(folder) if (folder / JSON_NAME).exists() else None
    try:  # before there is any work to lose
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"{path} could not be written: {error.strerror}.") from error
    on_progress("opening the model", 0, 1)
    from acdc_custom.report.measure import measure
    from acdc_custom.report.page import report_page
    from acdc_custom.runs.reopen import reopen

    page = report_page(measure(reopen(where, device), on_progress, heads), beside, on_progress)
    return write_file(path, page)
