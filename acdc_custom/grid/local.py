"""Runs on this machine, in several processes.

Owns the processes: how many, what each of them has, and the pipes to them. A process is a `python -m
acdc_custom.grid.process` that reads names of jobs and answers each; it ends with its caller.
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

from acdc_custom.grid.folder import LOG
from acdc_custom.grid.progress import RunEvent
from acdc_custom.grid.resources import Resources, local_gpus, local_resources, this_machine
from acdc_custom.grid.scheduling import JobEnded, Scheduler, WorkerDied, most_at_once
from acdc_custom.model.size import model_bytes
from acdc_custom.runs.job import Job

PROGRAM = (sys.executable, "-m", "acdc_custom.grid.process")


@dataclass(frozen=True)
class Local:
    """Executes runs in processes on this machine: `workers` of them, or one for each GPU, or as many as cores and
    memory allow."""

    workers: int | None = None

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """See `Executor.run`."""
        largest = max(model_bytes(name, dtype) for name, dtype in {(job.model, job.settings.dtype) for job in jobs})
        resources = local_resources(most_at_once(jobs), largest, this_machine(), self.workers, local_gpus(jobs))
        log = (folder / LOG).open("a", encoding="utf-8")
        scheduler = Scheduler(Processes(folder, resources, log, PROGRAM), list(jobs))
        try:
            yield from scheduler.run()
        finally:
            scheduler.stop()
            log.close()
            if not (folder / LOG).stat().st_size:
                (folder / LOG).unlink()


@dataclass(eq=False, frozen=True)
class LocalWorker:
    """A process, and the GPU that it sees, if that is for us to say."""

    process: subprocess.Popen[str]
    gpu: str | None


@dataclass
class Processes:
    """The `WorkerPool` of processes, each a `program` whose arguments are the folder and its memory budget."""

    folder: Path
    resources: Resources
    log: IO[str]
    program: tuple[str, ...]
    workers: list[LocalWorker] = field(default_factory=list)
    answers: SimpleQueue[tuple[LocalWorker, str | None]] = field(default_factory=SimpleQueue)  # None: no more to come

    @property
    def size(self) -> int:
        """See `WorkerPool`."""
        return self.resources.processes

    def start(self) -> LocalWorker:
        """Start a process, on the GPU that the fewest processes use."""
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        environment = {**os.environ, "PYTHONPATH": path}
        environment.setdefault("OMP_NUM_THREADS", str(self.resources.threads))
        environment.setdefault("GOMP_SPINCOUNT", "10000")  # see cli/__init__.py
        used = Counter(worker.gpu for worker in self.workers)
        gpu = min(self.resources.gpus, key=lambda gpu: used[gpu], default=None)
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        budget = self.resources.budget
        process = subprocess.Popen(
            [*self.program, str(self.folder), str(budget.memory), str(budget.gpu)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            encoding="utf-8",
        )
        worker = LocalWorker(process, gpu)
        self.workers.append(worker)
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()
        return worker

    def submit(self, worker: LocalWorker, job: Job) -> None:
        """See `WorkerPool`."""
        with suppress(OSError):
            assert worker.process.stdin is not None
            worker.process.stdin.write(job.name + "\n")
            worker.process.stdin.flush()

    def wait(self, seconds: float) -> tuple[LocalWorker, JobEnded | WorkerDied] | None:
        """See `WorkerPool`."""
        try:
            worker, line = self.answers.get(timeout=seconds)
        except Empty:
            return None
        if line is not None:
            return worker, JobEnded(json.loads(line)["error"])
        if worker in self.workers:
            self.workers.remove(worker)
        code = worker.process.wait()
        cause = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return worker, WorkerDied(
            cause, f"See {self.folder / LOG}, if it is there. Was there enough memory? Give fewer --workers."
        )

    def stop(self, worker: LocalWorker) -> None:
        """See `WorkerPool`."""
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.wait()

    def _read(self, worker: LocalWorker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            self.answers.put((worker, line))
        self.answers.put((worker, None))
