"""Runs on this machine, in several processes.

Owns the processes: how many, which job goes to which, and that a job whose process dies is given to another one. A
process is a `python -m acdc_custom.grid.process` that is told names of jobs and answers each; it ends with its caller.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from acdc_custom.grid.assign import choose
from acdc_custom.grid.executor import RETRIES
from acdc_custom.grid.folder import LOG
from acdc_custom.grid.sizing import Crew, crew_for, this_machine
from acdc_custom.grid.state import News, State
from acdc_custom.job import Job
from acdc_custom.model.size import model_bytes

PROGRAM = (sys.executable, "-m", "acdc_custom.grid.process")
PATIENCE = 1.0  # seconds without news, after which that is told


@dataclass(eq=False)
class _Worker:
    """A process, the job that it is at, and the one that it did before."""

    process: subprocess.Popen[str]
    job: Job | None = None
    last: Job | None = None

    def give(self, job: Job) -> None:
        """Let it do a job. One that has just died says so when it is listened to."""
        self.job = self.last = job
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.write(job.name + "\n")
            self.process.stdin.flush()


Answers = SimpleQueue[tuple[_Worker, str | None]]  # a line of an answer; None when there will be no more


@dataclass(frozen=True)
class Local:
    """Carries out runs in processes on this machine: `workers` of them, or as many as cores and memory allow."""

    workers: int | None = None

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[News | None]:
        """See `Executor.run`."""
        largest = max(model_bytes(name, dtype) for name, dtype in {(job.model, job.dtype) for job in jobs})
        crew = crew_for(len(jobs), largest, this_machine(), self.workers)
        log = (folder / LOG).open("a", encoding="utf-8")
        shift = Shift(folder, crew, log, list(jobs), PROGRAM)
        try:
            yield from shift.work()
        finally:
            shift.stop()
            log.close()
            if not (folder / LOG).stat().st_size:
                (folder / LOG).unlink()


@dataclass
class Shift:
    """The processes at work on a list of jobs, each a `program` with the folder and its bytes as arguments."""

    folder: Path
    crew: Crew
    log: IO[str]
    waiting: list[Job]
    program: tuple[str, ...]
    workers: list[_Worker] = field(default_factory=list)
    answers: Answers = field(default_factory=SimpleQueue)
    deaths: Counter[str] = field(default_factory=Counter)

    def work(self) -> Iterator[News | None]:
        """Until every job has been done, or has failed."""
        while self.waiting or any(worker.job for worker in self.workers):
            yield from self._hand_out()
            try:
                worker, line = self.answers.get(timeout=PATIENCE)
            except Empty:
                yield None
                continue
            job, worker.job = worker.job, None
            if line is None:
                self.workers.remove(worker)
                if job is not None:
                    yield from self._died(worker, job)
            elif job is not None:
                error = json.loads(line)["error"]
                yield News(job.name, State.FAILED if error else State.DONE, error)

    def stop(self) -> None:
        """End all processes, whatever they are at."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.wait()

    def _hand_out(self) -> Iterator[News]:
        while self.waiting:
            worker = next((worker for worker in self.workers if worker.job is None), None)
            if worker is None:
                if len(self.workers) == self.crew.processes:
                    return
                worker = self._start()
            others = [other.last for other in self.workers if other is not worker and other.last]
            job = choose(self.waiting, worker.last, others)
            self.waiting.remove(job)
            worker.give(job)
            yield News(job.name, State.RUNNING)

    def _died(self, worker: _Worker, job: Job) -> Iterator[News]:
        """Its process is gone: the job goes on in another one, unless that has happened too often."""
        code = worker.process.wait()
        self.deaths[job.name] += 1
        if self.deaths[job.name] <= RETRIES:
            self.waiting.insert(0, job)
            yield News(job.name, State.STOPPED)
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        error = (
            f"its process {how}, {self.deaths[job.name]} times; the last one in {self.folder / LOG}, if it said "
            "anything. Was there enough memory? Give fewer --workers."
        )
        yield News(job.name, State.FAILED, error)

    def _start(self) -> _Worker:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        environment = {**os.environ, "PYTHONPATH": path}
        environment.setdefault("OMP_NUM_THREADS", str(self.crew.threads))
        environment.setdefault("GOMP_SPINCOUNT", "10000")  # see cli/__init__.py
        process = subprocess.Popen(
            [*self.program, str(self.folder), str(self.crew.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            encoding="utf-8",
        )
        worker = _Worker(process)
        self.workers.append(worker)
        threading.Thread(target=_listen, args=(worker, self.answers), daemon=True).start()
        return worker


def _listen(worker: _Worker, answers: Answers) -> None:
    assert worker.process.stdout is not None
    for line in worker.process.stdout:
        answers.put((worker, line))
    answers.put((worker, None))
