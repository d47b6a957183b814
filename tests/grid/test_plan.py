"""A grid is written down whole, reads back as it was, and is refused in a folder of another one."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import pytest
from grids import job

from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files.claim import LOCK
from acdc_custom.grid.folder import PLAN, GridFolder, load_failures, load_grid
from acdc_custom.grid.plan import Grid, Kind
from acdc_custom.runs.job import Job

JOBS = (
    Job("threshold_0.01", "ioi"),
    job("b", "./mine.toml", n=5, templates="0,2", resample=3, metric="logit-diff", knock_out="a0.h1", window=2),
)
GRID = Grid(Kind.SWEEP, JOBS, {"thresholds": [0.1, 1.0], "note": None})


def with_job(number: int, **changes: object) -> Grid:
    """The grid with other settings of one of its jobs."""
    jobs = list(JOBS)
    one = jobs[number]
    jobs[number] = dataclasses.replace(one, settings=one.settings.with_(**changes))
    return dataclasses.replace(GRID, jobs=tuple(jobs))


def test_it_reads_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text(GRID.to_json(), encoding="utf-8")
    assert load_grid(tmp_path) == GRID


def test_the_plan_is_in_the_folder_while_nothing_else_is(tmp_path: Path) -> None:
    with GridFolder(tmp_path / "grid", GRID):
        assert {path.name for path in (tmp_path / "grid").iterdir()} - {LOCK} == {PLAN}
        assert load_grid(tmp_path / "grid") == GRID


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (with_job(0, seed=1), "threshold_0.01.seed: 0, now 1"),
        (with_job(1, templates="1"), "b.templates: 0,2, now 1"),
        (dataclasses.replace(GRID, jobs=JOBS[:1]), "no longer asked for: b"),
        (dataclasses.replace(GRID, kind=Kind.STABILITY), "kind: sweep, now stability"),
    ],
)
def test_a_folder_of_other_runs_is_refused_with_what_differs(tmp_path: Path, other: Grid, said: str) -> None:
    with GridFolder(tmp_path, GRID):
        pass
    with pytest.raises(ResultError) as error:
        GridFolder(tmp_path, other)
    assert said in str(error.value) and "give another folder with --out" in str(error.value)
    assert load_grid(tmp_path) == GRID


@pytest.mark.parametrize(
    "more",
    [
        dataclasses.replace(GRID, jobs=(Job("c", "ioi"), *JOBS)),
        dataclasses.replace(GRID, options={"thresholds": [0.1]}),
    ],
)
def test_a_grid_takes_over_the_folder_of_one_that_it_contains(tmp_path: Path, more: Grid) -> None:
    with GridFolder(tmp_path, GRID):
        pass
    with GridFolder(tmp_path, more):
        assert load_grid(tmp_path) == more
        if importlib.util.find_spec("fcntl"):
            with pytest.raises(ResultError, match="another process is executing the runs in"):
                GridFolder(tmp_path, more)


def test_tuples_among_the_options_are_the_lists_that_the_file_has(tmp_path: Path) -> None:
    grid = dataclasses.replace(GRID, options={"thresholds": (0.1, 1.0)})
    for _ in range(2):
        with GridFolder(tmp_path, grid):
            pass


def test_two_processes_cannot_execute_one_grid(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with GridFolder(tmp_path, GRID), pytest.raises(ResultError, match="another process is executing the runs in"):
        GridFolder(tmp_path, GRID)


def test_a_folder_that_holds_a_run_takes_no_grid(tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").touch()
    with pytest.raises(ResultError, match="holds a run, and no grid of runs"):
        GridFolder(tmp_path, GRID)
    assert not (tmp_path / "grid.json").exists()


def test_a_grid_that_fails_before_any_run_begins_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), GridFolder(tmp_path / "grid", GRID):
        raise RuntimeError
    assert not (tmp_path / "grid").exists()


def test_a_grid_that_fails_later_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), GridFolder(tmp_path, GRID):
        (tmp_path / "b").mkdir()
        raise RuntimeError
    assert (tmp_path / "grid.json").exists()


def test_failures_are_noted_and_forgotten(tmp_path: Path) -> None:
    with GridFolder(tmp_path, GRID) as grid_folder:
        grid_folder.note_failures({"b": "because"})
        assert load_failures(tmp_path) == {"b": "because"}
        grid_folder.note_failures({})
        assert load_failures(tmp_path) == {}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb", "x" * 201, "a:b"])
def test_names_that_no_folder_can_have_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        Grid(Kind.SWEEP, (Job(name, "ioi"),))


def test_a_grid_needs_runs_of_different_names() -> None:
    with pytest.raises(UsageError, match="the grid has no runs"):
        Grid(Kind.SWEEP, ())
    with pytest.raises(UsageError, match='two runs of the grid are called "a"'):
        Grid(Kind.SWEEP, (Job("a", "ioi"), job("a", seed=1)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"threshold": -1}, "the threshold is -1"),
        ({"ablation": "nil"}, 'there is no ablation "nil". There are: corrupted'),
        ({"order": "x"}, 'there is no order "x"'),
        ({"metric": "x"}, 'no metric is called "x"'),
        ({"n": 0}, "the number of prompts has to be 1 or more, not 0"),
        ({"resample": -1}, "the seed is -1"),
        ({"knock_out": "m1"}, "m1"),
    ],
)
def test_a_job_that_no_run_can_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as error:
        job("a", **settings)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"schema": 1', '"schema": 2', "grid.json was written by a newer acdc-custom"),
        ('"seed": 0', '"seed": "0"', "is damaged: jobs[0].settings.prompts.seed is '0', expected int"),
        ('"seed": 0', '"sed": 0', "jobs[0].settings.prompts has to be an object with"),
        ('"kind": "sweep"', '"kind": "x"', "kind is 'x', expected one of: sweep, stability"),
        ('"kind": "sweep",', "", "has to be an object with kind, jobs, options"),
        ('"name": "b"', '"name": "threshold_0.01"', "two runs of the grid are called"),
        ('"ioi"', "", "Expecting value"),
    ],
)
def test_a_damaged_plan_is_reported(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = GRID.to_json()
    assert old in text
    (tmp_path / "grid.json").write_text(text.replace(old, new))
    with pytest.raises(ResultError) as error:
        load_grid(tmp_path)
    assert said in str(error.value) and str(error.value).startswith(f"{tmp_path}/grid.json ")


def test_a_folder_without_a_plan_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"there is no .*grid\.json\. .* holds no grid of runs\."):
        load_grid(tmp_path)


def after(name: str, later: Job = JOBS[1]) -> Grid:
    """The grid, whose last run comes after the one of this name."""
    return dataclasses.replace(GRID, jobs=(JOBS[0], dataclasses.replace(later, after=name)))


def test_a_run_that_comes_after_another_one_reads_back_and_others_have_no_word_of_it(tmp_path: Path) -> None:
    path = after("threshold_0.01")
    (tmp_path / PLAN).write_text(path.to_json(), encoding="utf-8")
    assert load_grid(tmp_path) == path and '"after"' not in GRID.to_json()


@pytest.mark.parametrize("name", ["c", "b"])
def test_a_run_comes_after_none_but_an_earlier_one(name: str) -> None:
    with pytest.raises(UsageError, match=f'the run "b" comes after "{name}", which is no earlier run of the grid'):
        after(name)


def test_runs_that_start_elsewhere_are_other_runs() -> None:
    assert GRID.lost_in(after("threshold_0.01")) == ["b.starts after: none, now threshold_0.01"]


def test_a_job_starts_in_the_folder_beside_its_own() -> None:
    job = after("threshold_0.01").jobs[1]
    assert job.within(Path("grid")).settings.start == "grid/threshold_0.01"
    assert JOBS[0].within(Path("grid")) == JOBS[0]
