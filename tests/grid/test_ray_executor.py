"""A Ray cluster gives what runs one by one give, whoever is killed in between."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from grids import SLOW, found, mark, n_lines, one_by_one, result

pytest.importorskip("ray", reason="needs Ray: pip install 'acdc-custom[ray]'")

import ray

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import SearchError, UsageError
from acdc_custom.files.claim import is_claimed
from acdc_custom.grid import Grid, Job, Kind, ray_executor, run_grid
from acdc_custom.grid.progress import GridProgress, State
from acdc_custom.grid.ray_executor import Ray
from acdc_custom.grid.remote import CallerLocation
from acdc_custom.memory import GIB


def test_a_cluster_that_is_not_there_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "model_bytes", lambda name, dtype: GIB)
    with pytest.raises(SearchError, match=r"the Ray cluster at 127\.0\.0\.1:1 cannot be reached: "):
        next(Ray("127.0.0.1:1").run(SLOW.jobs, Path()))

    def unreachable(**_: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\n  Please specify")

    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(SearchError, match=r"the Ray cluster at auto cannot be reached: Could .* instance\. Please"):
        next(Ray("auto").run(SLOW.jobs, Path()))


@pytest.mark.parametrize("address", ["somewhere", ":1", "ray://head:10001", "head:x", "head:99999999"])
def test_an_address_that_cannot_be_one_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "model_bytes", lambda name, dtype: GIB)
    with pytest.raises((UsageError, SearchError), match=f"{address}"):
        next(Ray(address).run(SLOW.jobs, Path()))


# -- a cluster on this machine, with two workers ------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster that is connected to already."""
    with ray_executor._connected(None, 2):
        yield


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return one_by_one(SLOW, tmp_path_factory.mktemp("one_by_one"))


class Killer:
    """Reads the progress of a grid, and kills the worker of the first run that it catches in the middle, once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marks: dict[str, str] = {}
        self.seen: list[dict[str, State]] = []

    def __call__(self, progress: GridProgress) -> None:
        self.seen.append({run.name: run.state for run in progress.runs})
        for run in progress.runs:
            if not self.marks and run.state is State.RUNNING and run.decided > 100:
                folder = self.folder / run.name
                assert not (folder / "circuit.json").exists(), "too late to kill it"
                (holder,) = (p for p in psutil.Process().children(recursive=True) if writes(p, run.name))
                holder.send_signal(signal.SIGKILL)
                psutil.wait_procs([holder], timeout=10)
                self.marks[run.name] = mark(folder)


def writes(process: psutil.Process, name: str) -> bool:
    """Whether it has the journal of the run of this name open, wherever that is."""
    try:
        return any(file.path.endswith(f"/{name}/decisions.jsonl") for file in process.open_files())
    except psutil.Error:
        return False


def check_resumed(killer: Killer, expected: dict[str, Any]) -> None:
    ((name, line),) = killer.marks.items()
    assert (killer.folder / name / "decisions.jsonl").read_text().startswith(line), "begun anew, not resumed"
    assert any(states[name] is State.STOPPED for states in killer.seen)
    assert {job.name: found(killer.folder / job.name) for job in SLOW.jobs} == expected


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_run_resumes_from_its_journal(
    tmp_path: Path, cluster: None, expected: dict[str, Any]
) -> None:
    killer = Killer(tmp_path)
    assert [run.error for run in run_grid(SLOW, tmp_path, Ray(workers=2), killer)] == ["", ""]
    check_resumed(killer, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.json", "t0.01", "t0.02"]


@pytest.mark.slow
def test_so_does_a_run_on_a_machine_that_does_not_see_the_folder(
    tmp_path: Path, cluster: None, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ray_executor,
        "CallerLocation",
        lambda working, modules, folder, token: CallerLocation(working, modules, folder, "not-there"),
    )
    killer = Killer(tmp_path)
    assert [run.error for run in run_grid(SLOW, tmp_path, Ray(workers=2), killer)] == ["", ""]
    check_resumed(killer, expected)
    names = ["circuit.dot", "circuit.json", "circuit.svg", "decisions.jsonl", "run.json"]
    for job in SLOW.jobs:
        assert sorted(path.name for path in (tmp_path / job.name).iterdir()) == names


@pytest.mark.slow
@pytest.mark.parametrize("sees", [True, False])
def test_a_run_starts_from_the_circuit_of_the_one_before_it_wherever_that_was_done(
    tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch, sees: bool
) -> None:
    larger, smaller = SLOW.jobs
    path = Grid(Kind.SWEEP, (smaller, replace(larger, after=smaller.name)))
    if not sees:
        monkeypatch.setattr(ray_executor, "CallerLocation", lambda w, m, f, _: CallerLocation(w, m, f, "not-there"))
    assert [run.error for run in run_grid(path, tmp_path / "far", Ray(workers=2))] == ["", ""]
    alone = one_by_one(path, tmp_path / "here")
    assert {job.name: found(tmp_path / "far" / job.name) for job in path.jobs} == alone
    settings = [result(tmp_path / where / larger.name)["settings"] for where in ("far", "here")]
    assert [each["start"] for each in settings] == [str(tmp_path / where / smaller.name) for where in ("far", "here")]
    assert (tmp_path / "far" / larger.name / "start.json").exists()


@pytest.mark.slow
def test_a_grid_that_was_stopped_resumes_and_what_has_ended_is_left_alone(
    tmp_path: Path, cluster: None, expected: dict[str, Any]
) -> None:
    first, second = (tmp_path / job.name for job in SLOW.jobs)

    class Stopped(Exception):
        pass

    def stop(progress: GridProgress) -> None:
        if n_lines(second) > 100 and (first / "circuit.json").exists():
            raise Stopped

    with pytest.raises(Stopped):
        run_grid(SLOW, tmp_path, Ray(workers=1), stop)
    while is_claimed(second):  # Ray ends a worker in its own time
        time.sleep(0.05)
    assert not (second / "circuit.json").exists()
    line, times = mark(second), {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert [run.error for run in run_grid(SLOW, tmp_path, Ray(workers=1))] == ["", ""]
    assert times == {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert (second / "decisions.jsonl").read_text().startswith(line), "begun anew, not resumed"
    assert {job.name: found(tmp_path / job.name) for job in SLOW.jobs} == expected


@pytest.mark.slow
def test_what_is_wrong_with_a_run_is_a_line_wherever_it_is_found_out(
    tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid(Kind.SWEEP, (Job("a", "ioi", settings=SearchSettings.of(n=4, corruption="nil")),))
    for number, token in enumerate((None, "not-there")):
        if token:
            monkeypatch.setattr(
                ray_executor, "CallerLocation", lambda w, m, f, _, token=token: CallerLocation(w, m, f, token)
            )
        (run,) = run_grid(grid, tmp_path / str(number), Ray())
        assert 'there is no corruption "nil"' in run.error
        assert sorted(path.name for path in (tmp_path / str(number)).iterdir()) == ["failures.json", "grid.json"]
