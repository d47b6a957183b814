"""Runs of an edited task are not mixed with those of the task as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from giving_task import TASK
from grids import Puppet

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import ResultError
from acdc_custom.grid import Grid, Job, Kind, run_grid
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs.workspace import Workspace


@pytest.fixture
def grid(tmp_path: Path, small_model: str) -> Grid:
    (tmp_path / "mine.toml").write_text(TASK)
    task, settings = str(tmp_path / "mine.toml"), SearchSettings.of(n=4, held_out=0)
    return Grid(Kind.SWEEP, tuple(Job(name, task, small_model, settings) for name in "ab"))


def test_finished_runs_of_a_task_that_was_edited_are_refused_with_the_first_line_that_differs(
    tmp_path: Path, grid: Grid
) -> None:
    run_grid(grid, tmp_path / "grid", Puppet(b="because"))
    (tmp_path / "mine.toml").write_text(TASK.replace("Later", "Then"))
    puppet = Puppet()
    with pytest.raises(ResultError) as error:
        run_grid(grid, tmp_path / "grid", puppet)
    said = str(error.value)
    assert "mine.toml was edited after 1 run in" in said and ": a. Undo that" in said
    assert 'line 4 was: templates = ["{A} gave a book to {B}. Later,' in said
    assert 'and is: templates = ["{A} gave a book to {B}. Then,' in said
    assert puppet.given == []
    (tmp_path / "mine.toml").write_text(TASK)
    assert [run.error for run in run_grid(grid, tmp_path / "grid", puppet)] == ["", ""]


def test_so_are_runs_that_have_begun(tmp_path: Path, grid: Grid) -> None:
    run_grid(grid, tmp_path / "grid", Puppet(a="because", b="because"))
    run = tmp_path / "grid" / "a"
    assert execute_job(grid.jobs[0], tmp_path / "grid", Workspace()) == ""
    (run / "circuit.json").unlink()
    (tmp_path / "mine.toml").write_text(TASK + "\n# more\n")
    with pytest.raises(ResultError, match=r"after 1 run in .* \(line 11 was: empty, and is: # more\): a\."):
        run_grid(grid, tmp_path / "grid", Puppet())


def test_rows_that_were_edited_are_reported_too(tmp_path: Path) -> None:
    row = {"clean": "A cat and a dog: a", "corrupted": "A cat and a cow: a", "answer": " dog", "foil": " cow"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "mine.toml").write_text('schema = 1\ndescription = "Animals."\nrows = "rows.jsonl"\n')
    grid = Grid(Kind.SWEEP, (Job("a", str(tmp_path / "mine.toml")),))
    run_grid(grid, tmp_path / "grid", Puppet())
    (tmp_path / "rows.jsonl").write_text(json.dumps({**row, "answer": " cat"}) + "\n")
    with pytest.raises(ResultError, match=r"\(its rows\)"):
        run_grid(grid, tmp_path / "grid", Puppet())
