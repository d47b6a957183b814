"""How far runs are, as any process sees it from their folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from circuits import example_circuit
from commands import Run
from grids import QUICK

from acdc_custom.grid import Grid, Job, Kind
from acdc_custom.grid.folder import GridFolder
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs.folder import RunFolder
from acdc_custom.runs.workspace import Workspace

JOB = QUICK.jobs[0]
GRID = Grid(Kind.STABILITY, tuple(Job(name, "ioi") for name in ("ended", "half", "refused", "later")))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended."""
    folder = tmp_path_factory.mktemp("status")
    assert execute_job(JOB, folder, Workspace()) == ""
    return folder / JOB.name


def stop(whole: Path, to: Path) -> Path:
    """A copy of a run, stopped after its first half, in which it took an hour and a half."""
    to.mkdir(parents=True)
    shutil.copy2(whole / "run.json", to)
    edges = json.loads((to / "run.json").read_text())["edges"]
    rows = (whole / "decisions.jsonl").read_text().splitlines(keepends=True)
    (to / "decisions.jsonl").write_text("".join(rows[: edges // 2]))
    began = (to / "run.json").stat().st_mtime
    os.utime(to / "decisions.jsonl", (began, began + 5400))
    return to


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A grid that no process is executing."""
    folder = tmp_path / "grid"
    with GridFolder(folder, GRID) as grid_folder:
        grid_folder.note_failures({"refused": "because"})
    shutil.copytree(whole, folder / "ended")
    stop(whole, folder / "half")
    return folder


def row_of(name: str, out: str) -> list[str]:
    return next(line.split() for line in out.splitlines() if line.startswith(f"{name} "))


def test_every_run_of_a_grid_has_its_row_and_what_failed_its_line(run: Run, folder: Path, whole: Path) -> None:
    code, out, _ = run("status", "grid")
    assert code == 0
    assert out.startswith("Runs       4 of acdc-custom stability in grid: 1 waiting, 1 stopped, 1 done, 1 failed\n")
    kept = sum(json.loads(line)["kept"] for line in (whole / "decisions.jsonl").read_text().splitlines())
    assert row_of("ended", out)[1:4] == ["done", "100%", str(kept)]
    state, share, _, metric, time = row_of("half", out)[1:]
    last = (folder / "half" / "decisions.jsonl").read_text().splitlines()[-1]
    assert (state, share, metric, time) == ("stopped", "50%", f"{json.loads(last)['metric']:.4f}", "1:30:00")
    assert row_of("later", out) == ["later", "waiting"]
    assert "FAILED     refused: because\n" in out
    assert out.endswith("Process    none. Resume with: acdc-custom resume grid\n")


def test_a_run_is_running_while_a_process_has_its_journal(run: Run, folder: Path) -> None:
    with GridFolder(folder, GRID), RunFolder.reopen(folder / "half"):
        _, out, _ = run("status", "grid")
        assert row_of("half", out)[1:3] == ["running", "50%"]
        assert out.endswith("Process    one is executing them now\n")
        assert run("status", "grid/half")[1].startswith("Run        grid/half: running\nDecided    50% of ")
    _, out, _ = run("status", "grid/half")
    assert out.endswith("Process    none. Resume with: acdc-custom resume grid/half\n")


def test_status_does_not_keep_others_from_working(run: Run, folder: Path) -> None:
    run("status", "grid")
    with GridFolder(folder, GRID), RunFolder.reopen(folder / "half"):
        pass


def test_a_run_that_has_ended_is_done_with_or_without_a_journal(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, _ = run("status", "grid/ended")
    assert code == 0 and "grid/ended: done\nDecided    100% of " in out and out.endswith("show grid/ended\n")
    example_circuit().save(tmp_path / "lone")
    assert run("status", "lone")[1] == "Run        lone: done\nSee it with: acdc-custom show lone\n"


def test_a_run_that_is_being_prepared_has_decided_nothing(run: Run) -> None:
    with RunFolder.begin(Path("new")):
        assert run("status", "new")[1] == "Run        new: running\nDecided    nothing yet\n"


@pytest.mark.parametrize("name", ["nothing", "."])
def test_a_folder_without_runs_is_one_line(run: Run, name: str) -> None:
    code, _, err = run("status", name)
    assert code == 1 and err.count("\n") == 1 and f"{name} holds no runs" in err


def test_a_damaged_plan_is_one_line(run: Run, folder: Path) -> None:
    (folder / "grid.json").write_text("{}")
    code, _, err = run("status", "grid")
    assert code == 1 and "is damaged" in err and err.count("\n") == 1
