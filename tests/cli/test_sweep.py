"""`acdc-custom sweep`: its options, its files, and that it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Run
from swept import Here

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli.options import ExecutorChoice, listed_tasks
from acdc_custom.cli.sweep import default_name

ASKED = (
    "sweep",
    "--task",
    "ioi",
    "--n",
    "4",
    "--threshold",
    "0.5",
    "--threshold",
    "0.1",
    "--out",
    "out",
)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    """Runs are done in this process."""
    executor = Here()
    monkeypatch.setattr(ExecutorChoice, "executor", lambda self: executor)
    return executor


def test_a_sweep_has_a_run_folder_for_each_threshold_and_goes_on_where_it_was(
    run: Run, here: Here, one_beside: None, small_model: str
) -> None:
    asked = (*ASKED, "--model", small_model)
    code, out, _err = run(*asked)
    assert code == 0 and here.given == ["ioi_two-layers_0.1", "ioi_two-layers_0.5"]
    assert "Suggested: " in out or "No threshold is suggested" in out
    for name in here.given:
        assert run("show", f"out/{name}")[0] == 0
    content = Path("out/sweep.json").read_text()
    assert {p["folder"] for p in json.loads(content)["cases"][0]["searches"][0]["points"]} == set(here.given)

    Path("out/sweep.json").unlink()
    Path("out/ioi_two-layers_0.5/circuit.json").unlink()
    Path("out/ioi_two-layers_0.5/decisions.jsonl").unlink()
    assert run(*asked)[0] == 0
    assert here.given[2:] == ["ioi_two-layers_0.5"]
    assert Path("out/sweep.json").read_text() == content

    Path("out/sweep.json").unlink()
    assert run("resume", "out")[0] == 0
    assert Path("out/sweep.json").read_text() == content and len(here.given) == 3

    code, _out, err = run(*asked, "--seed", "1")
    assert code == 1 and "holds other runs" in err and len(here.given) == 3


def test_a_run_that_fails_is_left_out_and_told(run: Run, here: Here, one_beside: None, small_model: str) -> None:
    code, out, err = run(
        "sweep",
        "--task",
        "ioi",
        "--n",
        "4",
        "--threshold",
        "0.5",
        "--out",
        "out",
        "--model",
        small_model,
        "--model",
        "no-such",
    )
    assert code == 1 and "FAILED     ioi_no-such_0.5: " in out and "1 run of 2 in out failed" in err
    assert json.loads(Path("out/sweep.json").read_text())["failed"] == ["ioi_no-such_0.5"]


def test_when_every_run_fails_there_are_no_files(run: Run, here: Here) -> None:
    code, _out, err = run("sweep", "--task", "ioi", "--threshold", "0.5", "--out", "out", "--model", "no-such")
    assert code == 1 and "1 run of 1 in out failed" in err and not Path("out/sweep.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "0.1", "--thresholds", "0.01..0.1"], "Leave one of them out"),
        (["--thresholds", "0.1..x"], "no range of thresholds"),
        (["--thresholds", "0.1,x"], "neither a list of thresholds"),
        (["--thresholds", "0.1,0.2", "--count", "3"], "--count says how many thresholds a range is divided into"),
        (["--thresholds", "0.1..0.01"], "the smaller first"),
        (["--threshold", "-1"], "the threshold is -1"),
        (["--count", "3"], "Give the range with --thresholds"),
        (["--metric", "kll"], "no metric is called"),
        (["--task", "latest_s,"], '--task is "latest_s,": there is no task beside one of its commas'),
        (["--task", "latest_s,nothing"], 'there is no task "nothing"'),
        (["--out", ""], "the folder's name is empty"),
    ],
)
def test_what_cannot_be_right_is_told_in_a_line(run: Run, options: list[str], message: str) -> None:
    code, _out, err = run("sweep", "--task", "ioi", *options)
    assert code == 2 and message in err and len(err.splitlines()) == 1
    assert not list(Path().iterdir())


def test_the_default_folder_names_tasks_and_models_and_says_positions() -> None:
    tasks, plain = ("ioi", "latest_s"), SearchSettings()
    assert default_name(tasks, ("demo-4l",), plain) == "sweep_ioi_latest_s_demo-4l"
    assert default_name(tasks, ("demo-4l",), plain.with_(positions=True)) == "sweep_ioi_latest_s_demo-4l_positions"


def test_tasks_in_one_list_are_those_of_several_options(tmp_path: Path) -> None:
    assert listed_tasks("ioi, latest_s") == ("ioi", "latest_s")
    assert listed_tasks("ioi") == ("ioi",)
    file = tmp_path / "a,b.toml"
    file.touch()
    assert listed_tasks(str(file)) == (str(file),), "a comma in a file's name divides nothing"


@pytest.mark.parametrize("command", [["discover"], ["stability"], ["analyze", "behaviour"]])
def test_a_command_of_one_task_says_so_of_a_list(run: Run, command: list[str]) -> None:
    code, _out, err = run(*command, "--task", "ioi,latest_s")
    assert code == 2 and 'is "ioi,latest_s": this command takes one task.' in err and len(err.splitlines()) == 1
    assert not list(Path().iterdir())
