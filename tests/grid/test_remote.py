"""Runs of a worker that does not see the grid's folder come to lie there all the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from grids import QUICK, found, one_by_one

from acdc_custom import load_task
from acdc_custom.errors import ResultError
from acdc_custom.files.writing import is_claimed
from acdc_custom.grid.remote import CallerLocation, JournalDelta, RemoteRunFolder, RemoteWorker, files_of
from acdc_custom.grid.resources import MemoryBudget
from acdc_custom.runs.folder import RunFolder

JOB = QUICK.jobs[0]
NAMES = ["circuit.dot", "circuit.json", "circuit.svg", "decisions.jsonl", "run.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "token").touch()
    return tmp_path / "here"


@pytest.fixture
def far(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteWorker:
    """A worker that does not see the folder."""
    return desk(folder, "not-there", monkeypatch)


def desk(folder: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> RemoteWorker:
    monkeypatch.chdir(folder)
    for name in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "1")
    return RemoteWorker(CallerLocation(folder, (), folder, token), {"ioi": load_task("ioi")}, MemoryBudget(2**40), 1)


def test_a_worker_that_sees_the_folder_writes_there_and_has_nothing_to_send(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = desk(folder, "token", monkeypatch)
    assert near.news(JOB.name, 0, "") is None
    answer = near.do(JOB, {})
    assert (answer.error, answer.files) == ("", None)
    assert sorted(path.name for path in (folder / JOB.name).iterdir()) == NAMES


def test_one_that_does_not_sends_all_files(folder: Path, far: RemoteWorker, tmp_path: Path) -> None:
    answer = far.do(JOB, files_of(folder / JOB.name))
    assert answer.error == "" and answer.files is not None and not (folder / JOB.name).exists()
    mirror = RemoteRunFolder(folder / JOB.name)
    mirror.finish(answer.files)
    mirror.close()
    assert sorted(path.name for path in (folder / JOB.name).iterdir()) == NAMES
    assert found(folder / JOB.name) == one_by_one(QUICK, tmp_path / "one_by_one")[JOB.name]


def test_another_one_goes_on_from_what_was_brought_home(
    folder: Path, far: RemoteWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = far.do(JOB, {}).files
    assert whole is not None
    rows = whole["decisions.jsonl"].splitlines(keepends=True)
    marked = json.dumps({**json.loads(rows[0]), "effect": 777.0}).encode() + b"\n"
    mirror = RemoteRunFolder(folder / JOB.name)
    mirror.add(JournalDelta(0, marked + b"".join(rows[1:700]) + rows[700][:10], whole["run.json"]))
    mirror.close()
    answer = desk(folder, "not-there", monkeypatch).do(JOB, files_of(folder / JOB.name))
    assert answer.error == "" and answer.files is not None
    assert answer.files["decisions.jsonl"] == marked + b"".join(rows[1:])


def test_news_are_what_is_not_known_or_everything_when_something_else_is(
    folder: Path, far: RemoteWorker, tmp_path: Path
) -> None:
    far.folder = tmp_path / "there"
    journal, request = b"a line\n" * 1000, b"{}"
    (far.folder / JOB.name).mkdir(parents=True)
    (far.folder / JOB.name / "decisions.jsonl").write_bytes(journal)
    (far.folder / JOB.name / "run.json").write_bytes(request)
    mirror = RemoteRunFolder(folder / JOB.name)
    assert far.news(JOB.name, *mirror.known()) == JournalDelta(0, journal, request)
    mirror.add(JournalDelta(0, journal[:1000], request))
    assert far.news(JOB.name, *mirror.known()) == JournalDelta(1000, journal[1000:], request)
    mirror.add(JournalDelta(0, b"other" + journal[:1000], request))
    piece = far.news(JOB.name, *mirror.known())
    assert piece == JournalDelta(0, journal, request)
    mirror.add(piece)
    assert (folder / JOB.name / "decisions.jsonl").read_bytes() == journal
    mirror.close()


def test_a_run_that_has_not_begun_there_leaves_what_is_here(folder: Path, far: RemoteWorker) -> None:
    mirror = RemoteRunFolder(folder / JOB.name)
    mirror.add(JournalDelta(0, b"a line\n", b"{}"))
    piece = far.news(JOB.name, *mirror.known())
    assert piece == JournalDelta(0, b"", None)
    mirror.add(piece)
    assert (folder / JOB.name / "decisions.jsonl").read_bytes() == b"a line\n"
    mirror.close()


def test_a_run_that_failed_before_its_first_decision_leaves_no_folder(folder: Path, far: RemoteWorker) -> None:
    mirror = RemoteRunFolder(folder / JOB.name)
    answer = far.do(dataclasses.replace(JOB, corruption="nil"), files_of(folder / JOB.name))
    assert 'there is no corruption "nil"' in answer.error and answer.files == {}
    mirror.finish(answer.files or {})
    mirror.close()
    assert not (folder / JOB.name).exists()


def test_a_mirror_has_its_folder_for_itself(folder: Path) -> None:
    mirror = RemoteRunFolder(folder / "a")
    assert is_claimed(folder / "a" / "decisions.jsonl")
    with pytest.raises(ResultError, match="another process is writing into"):
        RemoteRunFolder(folder / "a")
    mirror.close()
    with RunFolder.reopen(folder / "a"), pytest.raises(ResultError, match="another process"):
        RemoteRunFolder(folder / "a")
