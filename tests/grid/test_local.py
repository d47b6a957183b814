"""Processes of this machine give what runs one by one give, whoever is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from grids import SLOW, found, mark, n_lines, one_by_one

from acdc_custom.grid import Job, Local, local, run_grid
from acdc_custom.grid.local import Processes
from acdc_custom.grid.progress import GridProgress, RunEvent, State
from acdc_custom.grid.resources import Machine, MemoryBudget, Resources
from acdc_custom.grid.scheduling import Scheduler
from acdc_custom.memory import GIB

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")

FIRST, SECOND = (job.name for job in SLOW.jobs)
DRIVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from grids import SLOW
from acdc_custom.grid import Local, run_grid
run_grid(SLOW, Path(sys.argv[1]), Local(1))
"""
# Does what its jobs are called, without doing any work.
PUPPET = """
import json, os, signal, sys
for line in sys.stdin:
    name = line.strip()
    if name.startswith("dies") and not os.path.exists(f"{sys.argv[1]}/{name}"):
        if "once" in name:
            open(f"{sys.argv[1]}/{name}", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps({"name": name, "error": "it fails" if name.startswith("fails") else ""}), flush=True)
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return one_by_one(SLOW, tmp_path_factory.mktemp("one_by_one"))


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if "acdc_custom.grid.process" in child.cmdline()]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_run_resumes_from_its_journal(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    marks: dict[str, str] = {}
    states: list[dict[str, State]] = []

    def kill_one(progress: GridProgress) -> None:
        states.append({run.name: run.state for run in progress.runs})
        for run in progress.runs:
            if not marks and run.state is State.RUNNING and run.decided > 100:
                folder = tmp_path / run.name
                journal = str(folder / "decisions.jsonl")
                holders = [w for w in workers_of(psutil.Process()) if journal in {f.path for f in w.open_files()}]
                for worker in holders:
                    worker.send_signal(signal.SIGKILL)
                    worker.wait(10)
                assert len(holders) == 1 and not (folder / "circuit.json").exists(), "too late to kill it"
                marks[run.name] = mark(folder)

    ended = run_grid(SLOW, tmp_path, Local(workers=2), kill_one)
    assert [run.error for run in ended] == ["", ""]
    ((name, line),) = marks.items()
    assert (tmp_path / name / "decisions.jsonl").read_text().startswith(line), "begun anew, not resumed"
    assert any(seen[name] is State.STOPPED for seen in states)
    assert {job.name: found(tmp_path / job.name) for job in SLOW.jobs} == expected
    assert not workers_of(psutil.Process())
    assert not (tmp_path / "workers.log").exists(), "nothing was printed"


@pytest.mark.slow
def test_a_grid_whose_driver_is_killed_resumes_where_it_was(tmp_path: Path, expected: dict[str, Any]) -> None:
    tests = str(Path(__file__).parents[1])
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path), tests], env={**os.environ})
    while n_lines(tmp_path / SECOND) < 100 and driver.poll() is None:
        time.sleep(0.01)
    workers = workers_of(psutil.Process(driver.pid))
    driver.kill()
    driver.wait(10)
    psutil.wait_procs(workers, timeout=10)
    assert len(workers) == 1 and not workers[0].is_running(), "a worker ends with its driver"
    assert not (tmp_path / SECOND / "circuit.json").exists(), "too late to kill it"
    line = mark(tmp_path / SECOND)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / FIRST).iterdir()}
    assert tmp_path / FIRST / "circuit.json" in times

    assert [run.error for run in run_grid(SLOW, tmp_path, Local(1))] == ["", ""]
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / FIRST).iterdir()}
    assert (tmp_path / SECOND / "decisions.jsonl").read_text().startswith(line), "begun anew, not resumed"
    assert {job.name: found(tmp_path / job.name) for job in SLOW.jobs} == expected


def schedule(folder: Path, *names: str, processes: int = 2) -> tuple[list[RunEvent], list[subprocess.Popen[str]]]:
    """The events of jobs that puppets do, and the puppets; all have been stopped."""
    jobs = [Job(name, name) for name in names]
    puppets: list[subprocess.Popen[str]] = []
    with (folder / "workers.log").open("w") as log:
        pool = Processes(folder, Resources(processes, 1, MemoryBudget(1)), log, (sys.executable, "-c", PUPPET))
        scheduler = Scheduler(pool, jobs)
        events = []
        for event in scheduler.run():
            puppets += [w.process for w in pool.workers if w.process not in puppets]
            if event is not None:
                events.append(event)
        scheduler.stop()
    return events, puppets


def test_a_job_whose_process_always_dies_is_given_up_and_the_others_continue(tmp_path: Path) -> None:
    events, puppets = schedule(tmp_path, "dies", "fails", "works", "dies once")
    last = {event.name: event for event in events}
    assert last["works"].state is State.DONE and last["dies once"].state is State.DONE
    assert last["fails"] == RunEvent("fails", State.FAILED, "it fails")
    assert (
        last["dies"].state is State.FAILED and "its process was killed by signal 9, 4 times. See" in last["dies"].error
    )
    seen = [event.state for event in events if event.name == "dies"]
    assert seen == [State.RUNNING, State.STOPPED] * 3 + [State.RUNNING, State.FAILED]
    assert all(puppet.poll() is not None for puppet in puppets)


def test_no_more_processes_than_asked_for_and_each_does_many_jobs(tmp_path: Path) -> None:
    events, puppets = schedule(tmp_path, *"abcdef", processes=2)
    assert len(puppets) == 2 and len([event for event in events if event.state is State.DONE]) == 6


def test_stopping_the_scheduler_stops_all_processes(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        pool = Processes(tmp_path, Resources(1, 1, MemoryBudget(1)), log, (sys.executable, "-c", PUPPET))
        scheduler = Scheduler(pool, [Job("a", "a")])
        assert next(scheduler.run()) == RunEvent("a", State.RUNNING)
        (worker,) = pool.workers
        scheduler.stop()
    assert worker.process.poll() is not None and not pool.workers


def test_processes_are_spread_over_the_gpus_and_one_that_dies_leaves_its_gpu_to_the_next(tmp_path: Path) -> None:
    puppet = "import os, sys; print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); sys.stdin.read()"
    with (tmp_path / "log").open("w") as log:
        pool = Processes(
            tmp_path, Resources(3, 1, MemoryBudget(1, 0.5), ("4", "GPU-x")), log, (sys.executable, "-c", puppet)
        )
        started = [pool.start() for _ in range(3)]
        assert [worker.gpu for worker in started] == ["4", "GPU-x", "4"]
        assert sorted(pool.answers.get(timeout=30)[1] or "" for _ in started) == ["4\n", "4\n", "GPU-x\n"]
        pool.stop(started[0])
        pool.stop(started[1])
        assert pool.start().gpu == "GPU-x"
        for worker in list(pool.workers):
            pool.stop(worker)


def test_processes_without_gpus_see_what_their_caller_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    puppet = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    with (tmp_path / "log").open("w") as log:
        pool = Processes(tmp_path, Resources(1, 1, MemoryBudget(1)), log, (sys.executable, "-c", puppet))
        worker = pool.start()
        assert pool.answers.get(timeout=30) == (worker, "7\n")
        pool.stop(worker)


def test_each_gpu_has_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[Resources] = []

    class Noted(Processes):
        def start(self) -> Any:
            planned.append(self.resources)
            raise KeyboardInterrupt

    monkeypatch.setattr(local, "local_gpus", lambda jobs: ("0", "1"))
    monkeypatch.setattr(local, "this_machine", lambda: Machine(16, 100 * GIB))
    monkeypatch.setattr(local, "Processes", Noted)
    for workers in (None, 3):
        with pytest.raises(KeyboardInterrupt):
            next(Local(workers).run([Job(name, "ioi") for name in "abcd"], tmp_path))
    assert [(resources.processes, resources.gpus, resources.budget.gpu) for resources in planned] == [
        (2, ("0", "1"), 1.0),
        (3, ("0", "1"), 0.5),
    ]
