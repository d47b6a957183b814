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
from grids import QUICK, SLOW, n_lines, one_by_one, result

from acdc_custom.grid import Grid, Job, Kind, Local, run_grid
from acdc_custom.grid.folder import load_failures
from acdc_custom.grid.local import _Shift
from acdc_custom.grid.progress import GridProgress
from acdc_custom.grid.state import State

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return one_by_one(SLOW, tmp_path_factory.mktemp("one_by_one"))


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if "acdc_custom.grid.process" in child.cmdline()]


def test_a_worker_that_is_killed_is_replaced_and_its_run_goes_on_from_its_journal(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    marked: dict[str, str] = {}
    states: list[dict[str, State]] = []

    def kill_once(progress: GridProgress) -> None:
        states.append({run.name: run.state for run in progress.runs})
        for run in progress.runs:
            journal = tmp_path / run.name / "decisions.jsonl"
            if not marked and run.state is State.RUNNING and 100 < n_lines(tmp_path / run.name):
                (worker,) = [
                    w for w in workers_of(psutil.Process()) if str(journal) in {file.path for file in w.open_files()}
                ]
                worker.send_signal(signal.SIGKILL)
                worker.wait(10)
                assert not (tmp_path / run.name / "circuit.json").exists(), "killed too late"
                rows = journal.read_text().splitlines(keepends=True)
                # A number that no search would write shows that the journal was taken over.
                marked[run.name] = rows[0] = rows[0].replace('"effect": ', '"effect": 1')
                journal.write_text("".join(rows))

    ended = run_grid(SLOW, tmp_path, Local(workers=2), kill_once)
    assert [run.error for run in ended] == ["", "", ""]
    ((name, row),) = marked.items()
    assert (tmp_path / name / "decisions.jsonl").read_text().startswith(row), "begun anew, not gone on with"
    assert State.STOPPED in {seen[name] for seen in states}
    for job in SLOW.jobs:
        found = result(tmp_path / job.name)
        if job.name == name:
            assert [(e["sender"], e["receiver"]) for e in found["edges"]] == [
                (e["sender"], e["receiver"]) for e in expected[job.name]["edges"]
            ]
            assert found["outcome"] == expected[job.name]["outcome"]
        else:
            assert found == expected[job.name]
    assert not workers_of(psutil.Process())
