"""A run that is killed at any moment can be resumed, and ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commands import Run, start
from grids import Puppet, n_lines

from acdc_custom.cli.options import ExecutorChoice
from acdc_custom.cli.resume import conclusions
from acdc_custom.grid import Grid, Job, Kind, run_grid

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")

# Slow enough to be killed in the middle: in double precision, one candidate at a time.
DISCOVER = [
    "discover",
    "--task",
    "ioi",
    "--n",
    "8",
    "--held-out",
    "4",
    "--dtype",
    "float64",
    "--window",
    "1",
    "--no-roles",
    "--out",
    "run",
]


def stop_after(process: subprocess.Popen[str], folder: Path, lines: int, how: signal.Signals) -> tuple[int, str]:
    """Send a signal once the journal has so many lines; gives the exit code and the error output."""
    while n_lines(folder / "run") < lines and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(how)
    _, error = process.communicate(timeout=60)
    return process.returncode, error


def result(folder: Path) -> Any:
    content = json.loads((folder / "run" / "circuit.json").read_text())
    del content["created"], content["search"]["seconds"], content["search"]["stages"]
    return content


def test_a_run_killed_again_and_again_ends_with_the_circuit_of_one_that_was_not(
    run: Run, small_model: str, tmp_path: Path
) -> None:
    asked = (*DISCOVER, "--model", small_model)
    assert run(*asked)[0] == 0
    killed = tmp_path / "killed"
    killed.mkdir()

    code, _ = stop_after(start(killed, *asked), killed, 20, signal.SIGKILL)
    assert code == -signal.SIGKILL
    with (killed / "run" / "decisions.jsonl").open("a") as journal:
        journal.write('{"sender": "a0.h')  # as if killed while writing a line
    code, error = stop_after(start(killed, "resume", "run"), killed, 120, signal.SIGINT)
    assert code == 130 and "stopped. Resume with: acdc-custom resume run" in error.splitlines()[-1]
    assert not (killed / "run" / "circuit.json").exists()

    code, out, error = run("resume", "killed/run")
    assert code == 0, error
    assert "edges had been decided" in out
    assert result(killed) == result(tmp_path)
    journals = [(folder / "run" / "decisions.jsonl").read_text() for folder in (tmp_path, killed)]
    assert journals[0] == journals[1]


def test_a_changed_input_is_refused_with_the_difference(run: Run, small_run: Path, tmp_path: Path) -> None:
    journal, path = tmp_path / "run" / "decisions.jsonl", tmp_path / "run" / "run.json"
    journal.parent.mkdir()
    journal.write_text("".join((small_run / "decisions.jsonl").read_text().splitlines(keepends=True)[:100]))
    content = json.loads((small_run / "run.json").read_text())
    content["provenance"]["model"]["weights_sha256"] = "0" * 64
    content["provenance"]["packages"]["torch"] = "1.0"
    path.write_text(json.dumps(content))
    code, _, error = run("resume", "run")
    assert code == 1
    assert "model.weights_sha256: 0000" in error and "packages.torch: 1.0, now" in error
    assert n_lines(tmp_path / "run") == 100


# -- many runs ----------------------------------------------------------------------------------------------


def test_the_folder_of_a_grid_is_resumed_and_analysed_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    puppet, concluded = Puppet(), list[tuple[object, ...]]()
    grid = Grid(Kind.STABILITY, tuple(Job(name, "ioi") for name in "abc"))
    run_grid(grid, tmp_path / "grid", Puppet(b="because"))
    monkeypatch.setattr(ExecutorChoice, "executor", lambda self: puppet)
    monkeypatch.setattr("acdc_custom.cli.stability.conclude", lambda *given: concluded.append(given))
    code, _, err = run("resume", "grid", "--workers", "2")
    assert (code, puppet.given) == (0, ["b"]), err
    ((seen, folder, ended),) = concluded
    assert seen == grid and folder == Path("grid")
    assert isinstance(ended, list) and [(each.job.name, each.error) for each in ended] == [
        ("a", ""),
        ("b", ""),
        ("c", ""),
    ]


def test_every_kind_of_grid_is_concluded_by_the_command_of_its_name() -> None:
    assert {kind: conclude.__module__ for kind, conclude in conclusions().items()} == {
        kind: f"acdc_custom.cli.{kind.value}" for kind in Kind
    }


def test_options_of_many_runs_are_refused_for_a_single_one(run: Run) -> None:
    code, _, err = run("resume", "somewhere", "--workers", "2")
    assert code == 2 and "somewhere is not a folder of many runs" in err
