"""One job of a grid, done: whatever there is of it already, it ends with its circuit, or with a line that says why not.

Owns which of the three a job needs: nothing, going on from its journal, or a beginning.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from pathlib import Path

from acdc_custom.choices import Device
from acdc_custom.errors import AcdcError, NoRoom, ResultError
from acdc_custom.files.writing import is_claimed
from acdc_custom.grid.folder import has_ended
from acdc_custom.grid.resources import MemoryBudget
from acdc_custom.model.open import resolve_device
from acdc_custom.runs.folder import JOURNAL, REQUEST, RunFolder, RunRequest
from acdc_custom.runs.run import begin, go_on
from acdc_custom.runs.settings import Job
from acdc_custom.runs.workspace import Workspace

PATIENCE = 30.0  # seconds


def do(job: Job, folder: Path, shelf: Workspace, room: MemoryBudget | None = None) -> str:
    """Do a job in the folder of its name within `folder`; gives "", or in a line why it failed.

    `room` is for jobs that have no memory limit of their own.
    """
    try:
        limit = room.limit(resolve_device(Device(job.device))) if room and job.memory_limit is None else None
        _do(replace(job, memory_limit=limit) if limit else job, folder, shelf)
    except NoRoom as error:
        return f"{error.what} Use fewer --workers, or fewer prompts (--n)." if limit else str(error)
    except AcdcError as error:
        return str(error)
    except Exception as error:  # one job must not take the others with it
        traceback.print_exc()  # into the log
        return f"this should not have happened: {type(error).__name__}: {error}"
    return ""


def _wait_for(journal: Path) -> None:
    """Until nobody writes it: a worker elsewhere may take seconds to notice that its caller died.

    Raises `ResultError` when it takes too long.
    """
    until = time.monotonic() + PATIENCE
    while is_claimed(journal):
        if time.monotonic() >= until:
            raise ResultError(f"another process is writing into {journal.parent}. Wait for it, or end it.")
        time.sleep(0.2)


def _do(job: Job, folder: Path, shelf: Workspace) -> None:
    path = folder / job.name
    _wait_for(path / JOURNAL)
    if has_ended(folder, job.name):
        return
    if (path / JOURNAL).exists() and (path / REQUEST).exists():
        with RunFolder.reopen(path) as run_folder:
            go_on(run_folder, RunRequest.load(path), shelf.open, shelf.prepare, shelf.load).complete()
        return
    # A run that was killed before it wrote down what was asked has decided nothing.
    (path / JOURNAL).unlink(missing_ok=True)
    with RunFolder.begin(path) as run_folder:
        begin(run_folder, job, shelf.open, shelf.prepare, shelf.load).complete()
