"""A worker that may be on another machine: it does runs in the caller's folder if it sees it, else in one of its own.

Owns the far side of `mirror.py`: what is sent to where the grid is. Knows nothing of who calls it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acdc_custom.runs.folder import JOURNAL, REQUEST

if TYPE_CHECKING:
    from acdc_custom.grid.sizing import MemoryBudget
    from acdc_custom.runs.job import Job
    from acdc_custom.task import Task

Files = Mapping[str, bytes]  # of a run, by name


@dataclass(frozen=True)
class CallerLocation:
    """Where the caller is: its working folder, its modules, the grid's folder, and a file in there that only whoever
    sees that very folder finds."""

    working: Path
    modules: Sequence[str]
    folder: Path
    token: str


@dataclass(frozen=True)
class JournalDelta:
    """A journal from byte `offset` on, and the run's `run.json`, once it is there."""

    offset: int
    data: bytes
    request: bytes | None


@dataclass(frozen=True)
class JobResult:
    """What came of a job: "" or, in a line, why it failed; and the run's files, unless they are in their place."""

    error: str
    files: Files | None


class RemoteWorker:
    """Does runs, one at a time; `tasks` by name are as the caller has read them."""

    def __init__(self, place: CallerLocation, tasks: Mapping[str, Task], room: MemoryBudget, threads: int) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # read when torch is imported, which is below
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # see cli/__init__.py
        if not room.gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        sys.path += [path for path in place.modules if path not in sys.path]
        with suppress(OSError):  # names of models may be relative to it
            os.chdir(place.working)
        from acdc_custom.runs.workspace import Workspace

        self._shared = (place.folder / place.token).exists()
        # Where runs are done: if not in the caller's folder, then in another one each time.
        self.folder = place.folder if self._shared else None
        self._shelf, self._room = Workspace(tasks), room

    def do(self, job: Job, files: Files) -> JobResult:
        """Do a job, going on from `files` if there are any."""
        from acdc_custom.grid.worker import do

        if self._shared:
            assert self.folder is not None
            return JobResult(do(job, self.folder, self._shelf, self._room), None)
        with tempfile.TemporaryDirectory(prefix="acdc-custom-") as folder:
            self.folder = Path(folder)
            run = self.folder / job.name
            if files:
                run.mkdir()
            for name, content in files.items():  # the journal first: with a run.json, it is whole
                (run / name).write_bytes(content)
            error = do(job, self.folder, self._shelf, self._room)
            return JobResult(error, {path.name: path.read_bytes() for path in run.glob("*")})

    def news(self, name: str, size: int, digest: str) -> JournalDelta | None:
        """What a run's journal has beyond the bytes of this SHA-256 that are known, or all of it, if it does not begin
        with these; None where the caller sees it as we do."""
        if self._shared:
            return None
        if self.folder is None:
            return JournalDelta(0, b"", None)
        run = self.folder / name
        journal = _read(run / JOURNAL) or b""
        if hashlib.sha256(journal[:size]).hexdigest() != digest:
            size = 0
        return JournalDelta(size, journal[size:], _read(run / REQUEST))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
