"""Runs on a Ray cluster: on one that is there, or on one that is started on this machine for the purpose.

Owns all that is Ray's: nothing else imports it. A worker is an actor that does jobs one after the other; what it may
use of a machine is asked of Ray, which finds the machine.
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
from acdc_custom.grid.remote import (
    CallerLocation,
    JobResult,
    JournalDelta,
    RemoteRunFolder,
    RemoteWorker,
    resumable_files,
    start_of,
)
from acdc_custom.grid.resources import ClusterResources, bytes_for, cluster_resources, default_gpus, this_machine
from acdc_custom.grid.scheduling import HEARTBEAT, JobEnded, Scheduler, WorkerDied, most_at_once
from acdc_custom.model.size import model_bytes
from acdc_custom.runs.job import Job
from acdc_custom.task import Task, load_task

try:
    import ray
except ImportError as error:
    raise UsageError('--executor ray needs Ray. Install it with: pip install "acdc-custom[ray]"') from error

TOKEN = ".here-"
CONNECT_TIMEOUT = 10  # seconds, within which a cluster has to answer
OBJECT_STORE = 128 * 2**20  # bytes, of a cluster of our own: what goes through it is small


@dataclass(frozen=True)
class Ray:
    """Executes runs on the cluster at `address`, or on one of its own; in a process that is connected to a cluster
    already, on that one. `workers` at a time, or as many as fit; each run gets `gpus_per_run`, 1 where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus_per_run: float | None = None

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        """See `Executor.run`."""
        largest = max(model_bytes(name, dtype) for name, dtype in {(job.model, job.settings.dtype) for job in jobs})
        tasks = {name: load_task(name) for name in dict.fromkeys(job.task for job in jobs)}
        with _connected(self.address, self.workers), _caller_location(folder) as caller:
            machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            gpus = self.gpus_per_run
            if gpus is None:
                gpus = default_gpus(jobs, machines)
            resources = cluster_resources(most_at_once(jobs), bytes_for(largest), machines, self.workers, gpus)
            scheduler = Scheduler(Actors(caller, tasks, resources), list(jobs))
            try:
                yield from scheduler.run()
            finally:
                scheduler.stop()


# -- actors -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class RayWorker:
    """An actor, its job, and what has been asked of it meanwhile."""

    actor: Any
    job: Job | None = None
    result: Any = None  # reference to what will be a `JobResult`
    delta: Any = None  # reference to what will be a `JournalDelta`
    asked: float = 0.0  # when the delta was asked for
    run_folder: RemoteRunFolder | None = None


@dataclass
class Actors:
    """The `WorkerPool` of actors."""

    caller: CallerLocation
    tasks: Mapping[str, Task]
    resources: ClusterResources
    workers: list[RayWorker] = field(default_factory=list)

    @property
    def size(self) -> int:
        """See `WorkerPool`."""
        return self.resources.workers

    def start(self) -> RayWorker:
        """See `WorkerPool`. Ray starts the actor when its resources are free."""
        cpus, budget = self.resources.cpus, self.resources.budget
        options = {
            "num_cpus": cpus,
            "num_gpus": self.resources.gpus,
            "memory": self.resources.memory,
            "max_concurrency": 2,  # a job, and a request for its journal
        }
        actor = ray.remote(RemoteWorker).options(**options).remote(self.caller, self.tasks, budget, cpus)
        self.workers.append(RayWorker(actor))
        return self.workers[-1]

    def submit(self, worker: RayWorker, job: Job) -> None:
        """See `WorkerPool`."""
        folder = self.caller.folder
        worker.job = job
        worker.result = worker.actor.execute.remote(
            job.within(folder), resumable_files(folder / job.name), start_of(job, folder)
        )
        self._request_delta(worker)

    def wait(self, seconds: float) -> tuple[RayWorker, JobEnded | WorkerDied] | None:
        """See `WorkerPool`. Brings journals over in passing."""
        for worker in self.workers:
            if worker.run_folder and worker.job and not worker.delta and time.monotonic() - worker.asked >= HEARTBEAT:
                self._request_delta(worker)
        pending = {ref: worker for worker in self.workers for ref in (worker.result, worker.delta) if ref is not None}
        ready, _ = ray.wait(list(pending), timeout=seconds)
        if not ready:
            return None
        (ref,) = ready
        worker = pending[ref]
        try:
            value = ray.get(ref)
            if ref == worker.result:
                return worker, self._finish(worker, value)
            worker.delta = None
            self._add_delta(worker, value)
            return None
        except ray.exceptions.RayError as error:
            self.stop(worker)
            advice = "Was there enough memory, and is acdc-custom installed on every machine of the cluster?"
            return worker, WorkerDied(f"died ({_reason(error)})", advice)

    def stop(self, worker: RayWorker) -> None:
        """See `WorkerPool`."""
        self.workers.remove(worker)
        self._close_run_folder(worker)
        ray.kill(worker.actor)

    def _request_delta(self, worker: RayWorker) -> None:
        assert worker.job is not None
        size, digest = worker.run_folder.known() if worker.run_folder else (0, "")
        worker.delta = worker.actor.journal_delta.remote(worker.job.name, size, digest)
        worker.asked = time.monotonic()

    def _add_delta(self, worker: RayWorker, delta: JournalDelta | None) -> None:
        """Keep what is new, unless the worker writes it where it belongs."""
        if delta is None or worker.job is None:
            return
        self._run_folder(worker, worker.job).add(delta)

    def _finish(self, worker: RayWorker, result: JobResult) -> JobEnded:
        assert worker.job is not None
        if result.files is not None:
            self._run_folder(worker, worker.job).finish(result.files)
        self._close_run_folder(worker)
        worker.job = worker.result = worker.delta = None
        return JobEnded(result.error)

    def _run_folder(self, worker: RayWorker, job: Job) -> RemoteRunFolder:
        """The folder here of its job, made the first time."""
        if worker.run_folder is None:
            folder = self.caller.folder
            worker.run_folder = RemoteRunFolder(folder / job.name, start_of(job, folder))
        return worker.run_folder

    def _close_run_folder(self, worker: RayWorker) -> None:
        if worker.run_folder:
            worker.run_folder.close()
            worker.run_folder = None


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
    """Check that something answers: Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isascii() or not port.isdigit():
        raise UsageError(
            f"--ray-address {address}: give HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or auto, on a "
            "machine of the cluster."
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise SearchError(f"the Ray cluster at {address} cannot be reached: {_reason(error)}.") from error


@contextmanager
def _caller_location(folder: Path) -> Iterator[CallerLocation]:
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
