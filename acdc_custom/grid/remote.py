"""A worker that may be on another machine, and the run folders here while it works there.

A worker executes runs in the caller's folder if it sees it, else in one of its own, whose files are then sent over.
Owns what is sent, that a run can be resumed from it at any time, and that nobody else writes into the run folder
meanwhile. Knows nothing of who calls the worker, or how.
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
from typing import IO, TYPE_CHECKING

from acdc_custom.circuit.circuit import FILE_NAME
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import FolderClaim, claim
from acdc_custom.files.writing import write_file
from acdc_custom.runs.folder import JOURNAL, REQUEST, START

if TYPE_CHECKING:
    from acdc_custom.grid.resources import MemoryBudget
    from acdc_custom.runs.job import Job
    from acdc_custom.task import Task

Files = Mapping[str, bytes]  # of a run, by name


@dataclass(frozen=True)
class CallerLocation:
    """Where the caller is: its working folder, its modules, the grid's folder, and a file in there that only a worker
    that sees that very folder finds."""

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
    """Executes runs, one at a time; `tasks` by name are as the caller has read them."""

    def __init__(self, caller: CallerLocation, tasks: Mapping[str, Task], budget: MemoryBudget, threads: int) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # read when torch is imported, which is below
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # see cli/__init__.py
        if not budget.gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        sys.path += [path for path in caller.modules if path not in sys.path]
        with suppress(OSError):  # names of models may be relative to it
            os.chdir(caller.working)
        from acdc_custom.runs.workspace import Workspace

        self._shared = (caller.folder / caller.token).exists()
        # Where runs are executed: if not in the caller's folder, then in another one each time.
        self.folder = caller.folder if self._shared else None
        self._workspace, self._budget = Workspace(tasks), budget

    def execute(self, job: Job, files: Files, start: bytes | None = None) -> JobResult:
        """Execute a job, resuming from `files` if there are any; `start` is the circuit of the job that it comes after,
        as in its `circuit.json`."""
        from acdc_custom.grid.worker import execute_job

        if self._shared:
            assert self.folder is not None
            return JobResult(execute_job(job, self.folder, self._workspace, self._budget), None)
        with tempfile.TemporaryDirectory(prefix="acdc-custom-") as folder:
            self.folder = Path(folder)
            run = self.folder / job.name
            if start is not None:
                (self.folder / job.after).mkdir()
                (self.folder / job.after / FILE_NAME).write_bytes(start)
            if files:
                run.mkdir()
            for name, content in files.items():  # the journal first: with a run.json, it is whole
                (run / name).write_bytes(content)
            error = execute_job(job, self.folder, self._workspace, self._budget)
            return JobResult(error, {path.name: path.read_bytes() for path in run.glob("*")})

    def journal_delta(self, name: str, size: int, digest: str) -> JournalDelta | None:
        """What a run's journal has beyond the caller's `size` bytes of this SHA-256, or all of it, if it does not begin
        with these; None if the caller sees the journal itself."""
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


# -- the caller's side --------------------------------------------------------------------------------------


def resumable_files(folder: Path) -> Files:
    """What it takes to resume a run; nothing if it has not begun."""
    paths = [folder / name for name in (JOURNAL, REQUEST)]
    if not all(path.exists() for path in paths):
        return {}
    paths += [path for path in (folder / START,) if path.exists()]
    return {path.name: path.read_bytes() for path in paths}


def start_of(job: Job, folder: Path) -> bytes | None:
    """The circuit in a grid's folder that a job starts from, as in its `circuit.json`; None: it comes after no job.
    Raises `ResultError` if it is not there."""
    if not job.after:
        return None
    circuit = _read(folder / job.after / FILE_NAME)
    if circuit is None:
        raise ResultError(f"{job.name} starts from the circuit of {job.after}, and there is none.")
    return circuit


class RemoteRunFolder:
    """The folder here of a run that is executed elsewhere, ours until it is closed. `start` is the circuit that the run
    starts from, as in a `circuit.json`; None: it starts from none.

    Raises `ResultError` if that cannot be, or another process has it.
    """

    def __init__(self, folder: Path, start: bytes | None = None) -> None:
        self._folder, self._start = folder, start
        claimed: FolderClaim | None = None
        try:
            folder.mkdir(exist_ok=True)
            claimed = claim(folder)
            if claimed is None:
                raise ResultError(f"another process is writing into {folder}.")
            self._journal: IO[bytes] = (folder / JOURNAL).open("a+b")
        except OSError as error:
            if claimed:
                claimed.give_back()
            raise ResultError(f"{folder} cannot be written to: {error.strerror}.") from error
        self._claim = claimed

    def known(self) -> tuple[int, str]:
        """How much of the journal is here, in bytes, and its SHA-256."""
        self._journal.seek(0)
        content = self._journal.read()
        return len(content), hashlib.sha256(content).hexdigest()

    def add(self, delta: JournalDelta) -> None:
        """Write what is new, once the run has begun. Raises `ResultError`."""
        if delta.request is None:
            return
        if self._start is not None and not (self._folder / START).exists():
            write_file(self._folder / START, self._start)
        write_file(self._folder / REQUEST, delta.request)
        self._journal.truncate(delta.offset)
        self._journal.write(delta.data)
        self._journal.flush()

    def finish(self, files: Files) -> None:
        """Write all files; none at all, if the run failed before its first decision. Raises `ResultError`."""
        if JOURNAL in files:
            self.add(JournalDelta(0, files[JOURNAL], files.get(REQUEST)))
        # The circuit last, since a folder with a circuit is a run that has ended.
        for name in sorted(files.keys() - {JOURNAL, REQUEST}, key=lambda name: name == FILE_NAME):
            write_file(self._folder / name, files[name])
        if not files:
            with suppress(OSError):
                self._journal.close()
                (self._folder / JOURNAL).unlink()
            self._claim.give_back()
            with suppress(OSError):
                self._folder.rmdir()

    def close(self) -> None:
        """Let go of the folder."""
        self._journal.close()
        self._claim.give_back()
