"""Executing one job of a grid: whatever exists of it already, it ends with its circuit, or with a line why not.

Owns which of the three a job needs: nothing, resuming from its journal, or a new run.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import AcdcError, NoRoom, ResultError
from acdc_custom.files.claim import is_claimed
from acdc_custom.grid.folder import has_ended
from acdc_custom.grid.resources import MemoryBudget
from acdc_custom.model.open import resolve_device
from acdc_custom.runs.job import Job
from acdc_custom.runs.run import begin_or_resume
from acdc_custom.runs.workspace import Workspace

CLAIM_TIMEOUT = 30.0  # seconds, for another process to let go of the journal


def execute_job(job: Job, folder: Path, workspace: Workspace, budget: MemoryBudget | None = None) -> str:
    """Execute a job in the folder of its name within `folder`; gives "", or in a line why it failed.

    A job that comes after another one finds that one's circuit in the folder of its name. `budget` is for jobs that
    have no memory limit of their own.
    """
    try:
        settings = job.settings
        limit = budget.limit(resolve_device(settings.device)) if budget and settings.memory_limit is None else None
        _execute(replace(job, settings=settings.with_(memory_limit=limit)) if limit else job, folder, workspace)
    except NoRoom as error:
        return f"{error.what} Use fewer --workers, or fewer prompts (--n)." if limit else str(error)
    except AcdcError as error:
        return str(error)
    except Exception as error:  # one job must not take the others with it
        traceback.print_exc()  # into the log
        return f"this should not have happened: {type(error).__name__}: {error}"
    return ""


def _wait_for(folder: Path) -> None:
    """Until nobody writes it: a worker elsewhere may take seconds to notice that its caller died.

    Raises `ResultError` when it takes too long.
    """
    until = time.monotonic() + CLAIM_TIMEOUT
    while is_claimed(folder):
        if time.monotonic() >= until:
            raise ResultError(f"another process is writing into {folder}. Wait for it, or end it.")
        time.sleep(0.2)


def _execute(job: Job, folder: Path, workspace: Workspace) -> None:
    path = folder / job.name
    _wait_for(path)
    if has_ended(folder, job.name):
        return
    start = None
    if job.after:
        if not has_ended(folder, job.after):
            raise ResultError(f"it starts from the circuit of {job.after}, and there is none.")
        start = Circuit.load(folder / job.after)
        if not job.settings.start:
            job = job.within(folder)
    with begin_or_resume(path, job, workspace.open, workspace.prepare, workspace.load, start) as run:
        run.complete()
