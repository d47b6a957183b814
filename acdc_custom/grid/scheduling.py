"""Workers at work on a list of jobs, whatever the workers are.

Owns which worker does which job, and that a job whose worker dies is given to another one. Where workers come from,
and how they are told and listened to, is their staff's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from acdc_custom.grid.progress import RunEvent, State
from acdc_custom.runs.settings import Job

PATIENCE = 1.0  # seconds without news, after which that is told
RETRIES = 3  # of a job whose worker died; it goes on from its journal

Worker = TypeVar("Worker")


class Executor(Protocol):
    """Carries out runs: on this machine (`local.py`), or on many."""

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """Do every job in the folder of its name within `folder`; gives the news, and at least every second nothing.

        A job that has begun goes on. Whoever closes the iterator stops everything. Raises an `AcdcError` where no
        job at all can be done.
        """
        ...


def choose(waiting: Sequence[Job], last: Job | None, others: Sequence[Job]) -> Job:
    """The first job with the batch of the worker's `last`; or else with one that none of the `others` has; or else with
    its model; or else the first."""
    batches, models = {job.batch for job in others}, (last.model, last.device, last.dtype) if last else None

    def cost(job: Job) -> int:
        if last is not None and job.batch == last.batch:
            return 0
        same_model = (job.model, job.device, job.dtype) == models
        return 1 + 2 * (job.batch in batches) + (not same_model)

    return min(waiting, key=cost)


@dataclass(frozen=True)
class JobEnded:
    """What a worker says last of a job: "" or, in a line, why it failed."""

    error: str


@dataclass(frozen=True)
class WorkerDied:
    """A worker is no more: `how` goes on from "its process", `advice` is what may help."""

    how: str
    advice: str


class WorkerPool(Protocol[Worker]):
    """Where workers come from. Each does a job at a time."""

    @property
    def places(self) -> int:
        """So many workers at most."""
        ...

    def hire(self) -> Worker:
        """A new worker."""
        ...

    def give(self, worker: Worker, job: Job) -> None:
        """Let a worker do a job; one that has just died says so when it is listened to."""
        ...

    def listen(self, seconds: float) -> tuple[Worker, JobEnded | WorkerDied] | None:
        """What a worker has to say, or nothing after so many seconds."""
        ...

    def dismiss(self, worker: Worker) -> None:
        """End a worker, whatever it is at."""
        ...


@dataclass
class _Post:
    """What a worker is at, and what it did before."""

    job: Job | None = None
    last: Job | None = None


@dataclass
class Scheduler(Generic[Worker]):
    """A staff at work on jobs."""

    staff: WorkerPool[Worker]
    waiting: list[Job]
    posts: dict[Worker, _Post] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)

    def work(self) -> Iterator[RunEvent | None]:
        """Until every job has been done, or has failed."""
        while self.waiting or any(post.job for post in self.posts.values()):
            yield from self._hand_out()
            heard = self.staff.listen(PATIENCE)
            if heard is None:
                yield None
                continue
            worker, said = heard
            if worker not in self.posts:  # dismissed since
                continue
            post = self.posts[worker]
            job, post.job = post.job, None
            if isinstance(said, WorkerDied):
                del self.posts[worker]
                if job is not None:
                    yield self._retry(job, said)
            elif job is not None:
                yield RunEvent(job.name, State.FAILED if said.error else State.DONE, said.error)

    def stop(self) -> None:
        """Dismiss everybody."""
        for worker in list(self.posts):
            self._dismiss(worker)

    def _hand_out(self) -> Iterator[RunEvent]:
        """Give jobs to all who have none, and send home whom there is nothing left for: others may need the room."""
        while self.waiting:
            worker = next((worker for worker, post in self.posts.items() if post.job is None), None)
            if worker is None:
                if len(self.posts) == self.staff.places:
                    return
                worker = self.staff.hire()
                self.posts[worker] = _Post()
            post = self.posts[worker]
            others = [other.last for other in self.posts.values() if other is not post and other.last]
            job = post.job = choose(self.waiting, post.last, others)
            post.last = job
            self.waiting.remove(job)
            self.staff.give(worker, job)
            yield RunEvent(job.name, State.RUNNING)
        for worker in [worker for worker, post in self.posts.items() if post.job is None]:
            self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        del self.posts[worker]
        self.staff.dismiss(worker)

    def _retry(self, job: Job, said: WorkerDied) -> RunEvent:
        """Its worker is gone: the job goes on with another one, unless that has happened too often."""
        self.deaths[job.name] += 1
        if self.deaths[job.name] <= RETRIES:
            self.waiting.insert(0, job)
            return RunEvent(job.name, State.STOPPED)
        return RunEvent(job.name, State.FAILED, f"its process {said.how}, {self.deaths[job.name]} times. {said.advice}")
