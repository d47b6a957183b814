"""The runs of a worker that does not see the grid's folder are written there all the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from grids import found, one_by_one

from acdc_custom import load_task
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import is_claimed
from acdc_custom.grid import Grid, Job
from acdc_custom.grid.remote import (
    CallerLocation,
    JournalDelta,
    RemoteRunFolder,
    RemoteWorker,
    resumable_files,
    start_of,
)
from acdc_custom.grid.resources import MemoryBudget
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs.folder import RunFolder
from acdc_custom.runs.workspace import Workspace

NAMES = ["circuit.dot", "circuit.json", "circuit.svg", "decisions.jsonl", "run.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "token").touch()
    return tmp_path / "here"


@pytest.fixture
def far(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteWorker:
    """A worker that does not see the folder."""
    return remote_worker(folder, "not-there", monkeypatch)


def remote_worker(folder: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> RemoteWorker:
    monkeypatch.chdir(folder)
    for name in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "1")
    return RemoteWorker(CallerLocation(folder, (), folder, token), {"ioi": load_task("ioi")}, MemoryBudget(2**40), 1)


def test_a_worker_that_sees_the_folder_writes_there_and_has_nothing_to_send(
    folder: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    near = remote_worker(folder, "token", monkeypatch)
    assert near.journal_delta(job.name, 0, "") is None
    result = near.execute(job, {})
    assert (result.error, result.files) == ("", None)
    assert sorted(path.name for path in (folder / job.name).iterdir()) == NAMES


def test_one_that_does_not_sends_all_files(
    folder: Path, far: RemoteWorker, tmp_path: Path, job: Job, quick: Grid
) -> None:
    result = far.execute(job, resumable_files(folder / job.name))
    assert result.error == "" and result.files is not None and not (folder / job.name).exists()
    run_folder = RemoteRunFolder(folder / job.name)
    run_folder.finish(result.files)
    run_folder.close()
    assert sorted(path.name for path in (folder / job.name).iterdir()) == NAMES
    assert found(folder / job.name) == one_by_one(quick, tmp_path / "one_by_one")[job.name]


def test_another_one_resumes_from_what_was_brought_over(
    folder: Path, far: RemoteWorker, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    whole = far.execute(job, {}).files
    assert whole is not None
    rows = whole["decisions.jsonl"].splitlines(keepends=True)
    marked = json.dumps({**json.loads(rows[0]), "effect": 777.0}).encode() + b"\n"
    run_folder = RemoteRunFolder(folder / job.name)
    run_folder.add(JournalDelta(0, marked + b"".join(rows[1:150]) + rows[150][:10], whole["run.json"]))
    run_folder.close()
    result = remote_worker(folder, "not-there", monkeypatch).execute(job, resumable_files(folder / job.name))
    assert result.error == "" and result.files is not None
    assert result.files["decisions.jsonl"] == marked + b"".join(rows[1:])


def test_a_delta_is_what_the_caller_lacks_or_everything_when_the_caller_has_something_else(
    folder: Path, far: RemoteWorker, tmp_path: Path, job: Job
) -> None:
    far.folder = tmp_path / "there"
    journal, request = b"a line\n" * 1000, b"{}"
    (far.folder / job.name).mkdir(parents=True)
    (far.folder / job.name / "decisions.jsonl").write_bytes(journal)
    (far.folder / job.name / "run.json").write_bytes(request)
    run_folder = RemoteRunFolder(folder / job.name)
    assert far.journal_delta(job.name, *run_folder.known()) == JournalDelta(0, journal, request)
    run_folder.add(JournalDelta(0, journal[:1000], request))
    assert far.journal_delta(job.name, *run_folder.known()) == JournalDelta(1000, journal[1000:], request)
    run_folder.add(JournalDelta(0, b"other" + journal[:1000], request))
    delta = far.journal_delta(job.name, *run_folder.known())
    assert delta == JournalDelta(0, journal, request)
    run_folder.add(delta)
    assert (folder / job.name / "decisions.jsonl").read_bytes() == journal
    run_folder.close()


def test_a_run_that_has_not_begun_there_leaves_what_is_here(folder: Path, far: RemoteWorker, job: Job) -> None:
    run_folder = RemoteRunFolder(folder / job.name)
    run_folder.add(JournalDelta(0, b"a line\n", b"{}"))
    delta = far.journal_delta(job.name, *run_folder.known())
    assert delta == JournalDelta(0, b"", None)
    run_folder.add(delta)
    assert (folder / job.name / "decisions.jsonl").read_bytes() == b"a line\n"
    run_folder.close()


def test_a_run_that_failed_before_its_first_decision_leaves_no_folder(
    folder: Path, far: RemoteWorker, job: Job
) -> None:
    run_folder = RemoteRunFolder(folder / job.name)
    result = far.execute(
        dataclasses.replace(job, settings=job.settings.with_(corruption="nil")), resumable_files(folder / job.name)
    )
    assert 'there is no corruption "nil"' in result.error and result.files == {}
    run_folder.finish(result.files or {})
    run_folder.close()
    assert not (folder / job.name).exists()


def test_a_run_folder_has_its_folder_for_itself(folder: Path) -> None:
    run_folder = RemoteRunFolder(folder / "a")
    assert is_claimed(folder / "a")
    with pytest.raises(ResultError, match="another process is writing into"):
        RemoteRunFolder(folder / "a")
    run_folder.close()
    with RunFolder.reopen(folder / "a"), pytest.raises(ResultError, match="another process"):
        RemoteRunFolder(folder / "a")


def test_a_run_after_another_one_starts_from_that_ones_circuit_and_is_resumed_wherever(
    folder: Path, far: RemoteWorker, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    assert execute_job(job, folder, Workspace()) == ""
    later = dataclasses.replace(job, name="later", after=job.name, settings=job.settings.with_(threshold=1.0))
    sent = later.within(folder)
    whole = far.execute(sent, {}, start_of(later, folder)).files
    assert whole is not None and whole["start.json"] == (folder / job.name / "circuit.json").read_bytes()
    assert json.loads(whole["circuit.json"])["settings"]["start"] == str(folder / job.name)

    rows = whole["decisions.jsonl"].splitlines(keepends=True)
    run_folder = RemoteRunFolder(folder / "later", start_of(later, folder))
    run_folder.add(JournalDelta(0, b"".join(rows[: len(rows) // 2]), whole["run.json"]))
    run_folder.close()
    files = resumable_files(folder / "later")
    assert sorted(files) == ["decisions.jsonl", "run.json", "start.json"]
    result = remote_worker(folder, "not-there", monkeypatch).execute(sent, files, start_of(later, folder))
    assert result.error == "" and result.files is not None
    assert result.files["decisions.jsonl"] == whole["decisions.jsonl"]
    assert execute_job(later, folder, Workspace()) == "", "here, too"
    assert (folder / "later" / "decisions.jsonl").read_bytes() == whole["decisions.jsonl"]


def test_a_run_whose_start_is_not_there_is_told_in_a_line(folder: Path, job: Job) -> None:
    later = dataclasses.replace(job, name="later", after=job.name)
    with pytest.raises(ResultError, match=rf"later starts from the circuit of {job.name}, and there is none"):
        start_of(later, folder)
    assert start_of(job, folder) is None
