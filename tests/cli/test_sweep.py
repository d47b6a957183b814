"""`acdc-custom sweep`: its options, its files, and that it goes on."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from swept import Here

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli import main
from acdc_custom.cli.options import ExecutorChoice, listed_tasks
from acdc_custom.cli.sweep import default_name
from acdc_custom.report.steps import read_steps
from acdc_custom.runs.folder import RunFolder
from acdc_custom.search import beside
from acdc_custom.search.registry import scoring_method

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
        (["--path", "--threshold", "0.1"], "--path has one threshold, 0.1. Give several"),
        (["--path", "--thresholds", "0.1,0.1"], "--path has one threshold, 0.1. Give several"),
        (["--of", "a", "--path"], "--of takes a path as it was found: leave --task and --path out."),
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


# -- a path -------------------------------------------------------------------------------------------------

OF_BOTH = ("--task", "ioi", "--n", "4", "--held-out", "4", "--method", "grouped")
PATH = ("sweep", *OF_BOTH, "--thresholds", "0.5,0.1,0.2", "--path", "--out", "out")
RUNS = ["ioi_two-layers_0.1", "ioi_two-layers_0.2", "ioi_two-layers_0.5"]


def result(folder: str) -> Any:
    """All of a run's circuit.json but times, and the folder that it starts from."""
    content = json.loads(Path(folder, "circuit.json").read_text())
    del content["created"], content["search"]["seconds"], content["search"]["stages"], content["settings"]["start"]
    return content


def curves(folder: str, prefix: str = "") -> Any:
    """The content of a sweep.json, without what all folders' names begin with."""
    return json.loads(Path(folder, "sweep.json").read_text().replace(prefix, ""))


@pytest.fixture(scope="module")
def made(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a sweep along a path, and what its command printed."""
    folder, out, executor = tmp_path_factory.mktemp("sweeps"), io.StringIO(), Here()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder), contextlib.redirect_stdout(out):
        patch.setattr(ExecutorChoice, "executor", lambda self: executor)
        patch.setattr(beside, "scoring_methods", lambda: (scoring_method("eap"),))
        main([*PATH, "--model", small_model])
    assert executor.given == RUNS
    return folder / "out", out.getvalue()


def test_a_sweep_along_a_path_has_the_nested_circuits_of_discover_and_its_curves(
    run: Run, one_beside: None, small_model: str, made: tuple[Path, str]
) -> None:
    shutil.copytree(made[0], "out")
    assert ", metric kl, order original, nested circuits\n" in made[1]
    circuits = [{kept.edge for kept in Circuit.load(f"out/{name}").edges} for name in RUNS]
    assert circuits[0] > circuits[1] > circuits[2] > set()
    assert curves("out")["cases"][0]["searches"][0]["nested"] is True
    assert run("status", "out")[1].count("done") == 4, "in the line of all, and in each"
    steps = read_steps(Path("out", RUNS[1]), Circuit.load(f"out/{RUNS[1]}"))
    assert steps is not None and steps.here == 1 and len(steps.circuits) == 3

    asked = ("discover", *OF_BOTH, "--model", small_model, "--path", "0.1,0.2,0.5", "--no-roles", "--out", "path")
    assert run(*asked)[0] == 0
    for name in RUNS:
        point = name.rpartition("_")[2]
        assert result(f"out/{name}") == result(f"path/{point}")
        journals = [Path(where, "decisions.jsonl").read_text() for where in (f"out/{name}", f"path/{point}")]
        assert journals[0] == journals[1]

    code, out, err = run("sweep", "--of", "path")
    assert code == 0 and "path/sweep.svg" in out, err
    assert curves("path") == curves("out", "ioi_two-layers_")

    code, _, err = run("sweep", "--of", "path", "--out", "path/path.json")
    assert code == 1 and "path/path.json cannot be written to" in err, "before anything is computed"

    record = json.loads(Path("path/path.json").read_text())
    Path("path/path.json").write_text(json.dumps({**record, "ended": False}))
    for folder, said in (("path", "has not ended. Go on with: acdc-custom resume path"), ("out", "is of a sweep")):
        code, _, err = run("sweep", "--of", folder)
        assert code == 1 and said in err and len(err.splitlines()) == 1


def test_a_path_that_is_stopped_goes_on_to_the_same_end(
    run: Run,
    here: Here,
    one_beside: None,
    small_model: str,
    made: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = (*PATH, "--model", small_model)
    shutil.copytree(made[0], "whole")
    note, noted = RunFolder.note, [0]

    def stopping(folder: RunFolder, decision: Decision) -> None:
        noted[0] += 1
        if noted[0] in (120, 330):  # in the first search, and in the second
            raise KeyboardInterrupt
        note(folder, decision)

    monkeypatch.setattr(RunFolder, "note", stopping)
    states = []
    for command in (asked, ("resume", "out"), asked):
        code, _, err = run(*command)
        states.append((code, [Path(f"out/{name}/circuit.json").exists() for name in RUNS]))
        assert (code == 0) == (len(states) == 3), err
    assert states == [(130, [False] * 3), (130, [True, False, False]), (0, [True] * 3)]
    assert curves("out") == curves("whole")
    for name in RUNS:
        assert result(f"out/{name}") == result(f"whole/{name}")
        journals = [Path(folder, name, "decisions.jsonl").read_text() for folder in ("out", "whole")]
        assert journals[0] == journals[1]
    code, _, err = run(*(part for part in asked if part != "--path"))
    assert code == 1 and "starts after: ioi_two-layers_0.1, now none" in err


def test_a_sweep_needs_a_task_or_a_path_that_is_finished(run: Run) -> None:
    code, _, err = run("sweep")
    assert code == 2 and "Give one with --task, such as --task ioi, or a finished path with --of." in err
    code, _, err = run("sweep", "--of", "nothing")
    assert code == 1 and "nothing holds no path" in err and not list(Path().iterdir())
