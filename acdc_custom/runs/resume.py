"""A run that was stopped, gone on with in Python: what `acdc-custom resume` does, without its words.

Owns that one call. A sweep, a stability study or a path is many runs, which their commands go on with.
"""

from __future__ import annotations

from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.errors import ResultError
from acdc_custom.runs.again import check_begun
from acdc_custom.runs.below import OF_MANY
from acdc_custom.runs.folder import RunFolder, RunRequest
from acdc_custom.runs.run import resume
from acdc_custom.search.bar import SearchBar
from acdc_custom.search.pace import forecast_of


def resume_run(folder: str | Path, progress: bool = True) -> Circuit:
    """Go on with the run in a folder, write its files, and give its circuit; that of a run that has ended is read.

    It is the circuit that would have been found without the interruption. A bar shows the progress, unless `progress`
    is false. Raises `ResultError` for a folder of many runs or of none, and where the task, the model's weights, a
    setting or a version is no longer what it was.
    """
    folder = Path(folder)
    if (folder / FILE_NAME).exists():
        return Circuit.load(folder)
    if any((folder / name).exists() for name in OF_MANY):
        raise ResultError(f"{folder} is of many runs. Go on with them by: acdc-custom resume {folder}")
    check_begun(folder)
    with RunFolder.reopen(folder) as run_folder:
        run = resume(run_folder, RunRequest.load(folder))
        if not progress:
            return run.complete()[0]
        with SearchBar(run.request.edges, forecast_of(run.prepared, run.settings, run.start), run.earlier) as bar:
            return run.complete(bar.note)[0]
