"""Which worker does which job, whatever the workers are.

Owns the protocols of an executor and of its worker pool, the order of the jobs, that a job which comes after another
one waits for it, and that a job whose worker died is given to another one. Knows nothing of processes and machines:
starting, reaching and stopping workers is the pool's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from acdc_custom.grid.progress import RunEvent, State
from acdc_custom.runs.job import Job

HEARTBEAT = 1.0  # seconds without an event, after which the scheduler gives None
RETRIES = 3  # of a job whose worker died; it resumes from its journal

Worker = TypeVar("Worker")


class Executor(Protocol):
    """Executes the runs of a grid: on this machine (`local.py`), or on many (`ray_executor.py`)."""

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """Execute every job in the folder of its name within `folder`; gives events, and None at least every second.

        A job that has begun is resumed. Closing the iterator stops everything. Raises an `AcdcError` where no job at
        all can be executed.
        """
        ...


@dataclass(frozen=True)
class JobEnded:
    """The end of a job: `error` is "", or says in a line why it failed."""

    error: str


@dataclass(frozen=True)
class WorkerDied:
    """The end of a worker: `cause` continues "its process", `advice` is what may help."""

    cause: str
    advice: str


class WorkerPool(Protocol[Worker]):
    """Starts and stops workers, each of which does one job at a time."""

    @property
    def size(self) -> int:
        """How many workers there may be at a time."""
        ...

    def start(self) -> Worker:
        """A new worker."""
        ...

    def submit(self, worker: Worker, job: Job) -> None:
        """Let a worker do a job; if it has just died, `wait` reports that."""
        ...

    def wait(self, seconds: float) -> tuple[Worker, JobEnded | WorkerDied] | None:
        """The next thing that happened to a worker; None if there is nothing after so many seconds."""
        ...

    def stop(self, worker: Worker) -> None:
        """Stop a worker, whatever it is doing."""
        ...


def most_at_once(jobs: Sequence[Job]) -> int:
    """How many of these can be executed at the same time: those that come after none of the others."""
    names = {job.name for job in jobs}
    return sum(job.after not in names for job in jobs)


def choose_job(waiting: Sequence[Job], last: Job | None, others: Sequence[Job]) -> Job:
    """The job that a free worker does next: jobs with the same batch go to the same worker where that costs nothing.

    The first job with the batch of the worker's `last`; or else with one that none of the `others` has; or else with
    its model; or else the first.
    """
    batches, models = {job.batch for job in others}, last.opened if last else None

    def cost(job: Job) -> int:
        if last is not None and job.batch == last.batch:
            return 0
        same_model = job.opened == models
        return 1 + 2 * (job.batch in batches) + (not same_model)

    return min(waiting, key=cost)


@dataclass
class _Assignment:
    """The job that a worker is doing, if any, and the last one that it was given."""

    job: Job | None = None
    last: Job | None = None


@dataclass
class Scheduler(Generic[Worker]):
    """Distributes jobs over the workers of a pool."""

    pool: WorkerPool[Worker]
    waiting: list[Job]
    assignments: dict[Worker, _Assignment] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)  # of workers, by the name of their job

    def run(self) -> Iterator[RunEvent | None]:
        """Until every job is done or has failed: each event, and None after a second without one."""
        while self.waiting or any(assignment.job for assignment in self.assignments.values()):
            yield from self._assign()
            ended = self.pool.wait(HEARTBEAT)
            if ended is None:
                yield None
                continue
            worker, end = ended
            if worker not in self.assignments:  # stopped since
                continue
            assignment = self.assignments[worker]
            job, assignment.job = assignment.job, None
            if isinstance(end, WorkerDied):
                del self.assignments[worker]
                if job is not None:
                    yield from self._retry(job, end)
            elif job is not None:
                yield from self._failed(job, end.error) if end.error else (RunEvent(job.name, State.DONE),)

    def stop(self) -> None:
        """Stop all workers."""
        for worker in list(self.assignments):
            self._stop_worker(worker)

    def _assign(self) -> Iterator[RunEvent]:
        """Give a job to every free worker, and stop those for which none is left: others may need the memory."""
        while ready := self._ready():
            worker = next((worker for worker, assigned in self.assignments.items() if assigned.job is None), None)
            if worker is None:
                if len(self.assignments) == self.pool.size:
                    return
                worker = self.pool.start()
                self.assignments[worker] = _Assignment()
            assignment = self.assignments[worker]
            others = [other.last for other in self.assignments.values() if other is not assignment and other.last]
            job = assignment.job = choose_job(ready, assignment.last, others)
            assignment.last = job
            self.waiting.remove(job)
            self.pool.submit(worker, job)
            yield RunEvent(job.name, State.RUNNING)
        for worker in [worker for worker, assigned in self.assignments.items() if assigned.job is None]:
            self._stop_worker(worker)

    def _ready(self) -> list[Job]:
        """The jobs that can begin: those that come after none that is still to be done."""
        running = [assigned.job for assigned in self.assignments.values() if assigned.job is not None]
        to_do = {job.name for job in (*self.waiting, *running)}
        return [job for job in self.waiting if job.after not in to_do]

    def _failed(self, job: Job, error: str) -> Iterator[RunEvent]:
        """A job failed, and with it those that come after it."""
        yield RunEvent(job.name, State.FAILED, error)
        for later in [later for later in self.waiting if later.after == job.name]:
            self.waiting.remove(later)
            yield from self._failed(later, f"it starts from the circuit of {job.name}, and there is none.")

    def _stop_worker(self, worker: Worker) -> None:
        del self.assignments[worker]
        self.pool.stop(worker)

    def _retry(self, job: Job, died: WorkerDied) -> Iterator[RunEvent]:
        """The worker of a job died: another one resumes the job, unless that has happened too often."""
        self.deaths[job.name] += 1
        if self.deaths[job.name] <= RETRIES:
            self.waiting.insert(0, job)
            yield RunEvent(job.name, State.STOPPED)
            return
        times = self.deaths[job.name]
        yield from self._failed(job, f"its process {died.cause}, {times} times. {died.advice}")
