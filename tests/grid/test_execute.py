"""Which runs of a grid are executed, how their progress is reported, and what is left in the folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from grids import Puppet, example_for

from acdc_custom.errors import AcdcError, TaskError
from acdc_custom.grid import Grid, Job, Kind, run_grid
from acdc_custom.grid.folder import load_failures
from acdc_custom.grid.progress import GridProgress, RunEvent, State

GRID = Grid(Kind.STABILITY, tuple(Job(name, "ioi") for name in "abc"))


def test_a_run_that_fails_is_noted_and_the_others_continue(tmp_path: Path) -> None:
    ended = run_grid(GRID, tmp_path, Puppet(b="because"))
    assert [(run.job.name, run.folder, run.error) for run in ended] == [
        ("a", tmp_path / "a", ""),
        ("b", tmp_path / "b", "because"),
        ("c", tmp_path / "c", ""),
    ]
    assert load_failures(tmp_path) == {"b": "because"}
    assert ended[2].circuit() == example_for(GRID.jobs[2])


def test_the_same_grid_again_does_what_is_not_done(tmp_path: Path) -> None:
    run_grid(GRID, tmp_path, Puppet(b="because"))
    again, never = Puppet(), Puppet()
    assert [run.error for run in run_grid(GRID, tmp_path, again)] == ["", "", ""]
    assert again.given == ["b"] and load_failures(tmp_path) == {}
    run_grid(GRID, tmp_path, never)
    assert never.given == []


def test_progress_is_reported_from_the_beginning_to_the_end(tmp_path: Path) -> None:
    seen: list[GridProgress] = []
    run_grid(GRID, tmp_path, Puppet(c="because"), seen.append)
    assert [run.state for run in seen[0].runs] == [State.WAITING] * 3 and seen[0].completed == 0
    assert [run.state for run in seen[-1].runs] == [State.DONE, State.DONE, State.FAILED] and seen[-1].completed == 3
    assert {progress.count(State.RUNNING) for progress in seen} == {0, 1}


def test_a_task_that_is_not_there_is_reported_before_anything_is_made(tmp_path: Path) -> None:
    grid = Grid(Kind.SWEEP, (Job("a", "ioi"), Job("b", "ioo")))
    with pytest.raises(TaskError, match='there is no task "ioo"'):
        run_grid(grid, tmp_path / "grid", Puppet())
    assert not (tmp_path / "grid").exists()


def test_a_grid_of_which_no_run_can_begin_leaves_no_trace(tmp_path: Path) -> None:
    class Broken(Puppet):
        def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
            raise AcdcError("there is no such model")
            yield

    with pytest.raises(AcdcError, match="no such model"):
        run_grid(GRID, tmp_path / "grid", Broken())
    assert not (tmp_path / "grid").exists()
