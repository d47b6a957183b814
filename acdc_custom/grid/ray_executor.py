"""Runs on a Ray cluster: on one that is there, or on one that is started on this machine for the purpose.

Owns all that is Ray's: nothing else imports it. A worker is an actor that does jobs one after the other; what it may
take of a machine is asked of Ray, which finds the machine.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acdc_custom.errors import SearchError, UsageError
from acdc_custom.files.reading import shortened
from acdc_custom.grid.progress import RunEvent
from acdc_custom.grid.remote import CallerLocation, JobResult, JournalDelta, RemoteRunFolder, RemoteWorker, files_of
from acdc_custom.grid.resources import ClusterResources, bytes_for, cluster_resources, default_gpus, this_machine
from acdc_custom.grid.scheduling import PATIENCE, JobEnded, Scheduler, WorkerDied
from acdc_custom.model.size import model_bytes
from acdc_custom.runs.settings import Job
from acdc_custom.task import Task, load_task

try:
    import ray
except ImportError as error:
    raise UsageError('--executor ray needs Ray. Install it with: pip install "acdc-custom[ray]"') from error

TOKEN = ".here-"
REACHED = 10  # seconds, within which a cluster has to answer
OBJECT_STORE = 128 * 2**20  # bytes, of a cluster of our own: what goes through it is small


@dataclass(frozen=True)
class Ray:
    """Carries out runs on the cluster at `address`, or on one of its own; in a process that is connected to a cluster
    already, on that one. `workers` at a time, or as many as fit; each run gets `gpus_per_run`, 1 where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_run: float | None = None

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """See `Executor.run`."""
        largest = max(model_bytes(name, dtype) for name, dtype in {(job.model, job.dtype) for job in jobs})
        tasks = {name: load_task(name) for name in dict.fromkeys(job.task for job in jobs)}
        with _connected(self.address, self.workers), _place(folder) as place:
            machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            gpus = self.gpus_per_run
            if gpus is None:
                gpus = default_gpus(jobs, machines)
            crew = cluster_resources(len(jobs), bytes_for(largest), machines, self.workers, gpus)
            shift = Scheduler(Actors(place, tasks, crew), list(jobs))
            try:
                yield from shift.work()
            finally:
                shift.stop()


# -- actors -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class RayWorker:
    """An actor, what it is doing, and what has been asked of it meanwhile."""

    desk: Any
    job: Job | None = None
    answer: Any = None  # what will be an `JobResult`
    news: Any = None  # what will be a `JournalDelta`
    asked: float = 0.0  # when
    mirror: RemoteRunFolder | None = None


@dataclass
class Actors:
    """The `Staff` of actors."""

    place: CallerLocation
    tasks: Mapping[str, Task]
    crew: ClusterResources
    workers: list[RayWorker] = field(default_factory=list)

    @property
    def places(self) -> int:
        """See `Staff`."""
        return self.crew.places

    def hire(self) -> RayWorker:
        """See `Staff`. Ray starts the actor when there is room for it."""
        options = {
            "num_cpus": self.crew.cpus,
            "num_gpus": self.crew.gpus,
            "memory": self.crew.memory,
            "max_concurrency": 2,  # a job, and questions for news of it
        }
        desk = (
            ray.remote(RemoteWorker).options(**options).remote(self.place, self.tasks, self.crew.room, self.crew.cpus)
        )
        self.workers.append(RayWorker(desk))
        return self.workers[-1]

    def give(self, worker: RayWorker, job: Job) -> None:
        """See `Staff`."""
        worker.job = job
        worker.answer = worker.desk.do.remote(job, files_of(self.place.folder / job.name))
        self._ask(worker)

    def listen(self, seconds: float) -> tuple[RayWorker, JobEnded | WorkerDied] | None:
        """See `Staff`. Brings news home in passing."""
        for worker in self.workers:
            if worker.mirror and worker.job and not worker.news and time.monotonic() - worker.asked >= PATIENCE:
                self._ask(worker)
        asked = {ref: worker for worker in self.workers for ref in (worker.answer, worker.news) if ref is not None}
        ready, _ = ray.wait(list(asked), timeout=seconds)
        if not ready:
            return None
        (ref,) = ready
        worker = asked[ref]
        try:
            said = ray.get(ref)
            if ref == worker.answer:
                return worker, self._answered(worker, said)
            worker.news = None
            self._heard(worker, said)
            return None
        except ray.exceptions.RayError as error:
            self.dismiss(worker)
            advice = "Was there enough memory, and is acdc-custom installed on every machine of the cluster?"
            return worker, WorkerDied(f"died ({_reason(error)})", advice)

    def dismiss(self, worker: RayWorker) -> None:
        """See `Staff`."""
        self.workers.remove(worker)
        self._end_mirror(worker)
        ray.kill(worker.desk)

    def _ask(self, worker: RayWorker) -> None:
        assert worker.job is not None
        size, digest = worker.mirror.known() if worker.mirror else (0, "")
        worker.news = worker.desk.news.remote(worker.job.name, size, digest)
        worker.asked = time.monotonic()

    def _heard(self, worker: RayWorker, piece: JournalDelta | None) -> None:
        """Keep what is new, unless it is written where it belongs."""
        if piece is None or worker.job is None:
            return
        worker.mirror = worker.mirror or RemoteRunFolder(self.place.folder / worker.job.name)
        worker.mirror.add(piece)

    def _answered(self, worker: RayWorker, answer: JobResult) -> JobEnded:
        assert worker.job is not None
        if answer.files is not None:
            worker.mirror = worker.mirror or RemoteRunFolder(self.place.folder / worker.job.name)
            worker.mirror.finish(answer.files)
        self._end_mirror(worker)
        worker.job = worker.answer = worker.news = None
        return JobEnded(answer.error)

    def _end_mirror(self, worker: RayWorker) -> None:
        if worker.mirror:
            worker.mirror.close()
            worker.mirror = None


# -- the cluster --------------------------------------------------------------------------------------------


@contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[None]:
    """A connection to a cluster; one of our own ends with it."""
    if ray.is_initialized():
        yield
        return
    if address is not None:
        _check_address(address)
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        cores = max(this_machine().cores, workers or 1)
        options |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": OBJECT_STORE}
    try:
        ray.init(**options)
    except (OSError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address} cannot be reached" if address else "a Ray cluster could not be started"
        raise SearchError(f"{where}: {_reason(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Ask whether anybody is there: Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isascii() or not port.isdigit():
        raise UsageError(
            f"--ray-address {address}: give HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or auto, on a "
            "machine of the cluster."
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        raise SearchError(f"the Ray cluster at {address} cannot be reached: {_reason(error)}.") from error


@contextmanager
def _place(folder: Path) -> Iterator[CallerLocation]:
    """Where we are, for workers to find."""
    folder = folder.resolve()
    for left in folder.glob(f"{TOKEN}*"):  # by a process that was killed
        left.unlink(missing_ok=True)
    token = f"{TOKEN}{uuid.uuid4().hex}"
    modules = [os.path.abspath(entry) for entry in sys.path]
    (folder / token).touch()
    try:
        yield CallerLocation(Path.cwd(), modules, folder, token)
    finally:
        with suppress(OSError):
            (folder / token).unlink()


def _reason(error: BaseException) -> str:
    return shortened(" ".join(str(error).split()), 300)
