"""A job ends with its circuit whatever there is of it already, and what jobs share is computed once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from grids import found, mark, one_by_one

from acdc_custom import discover, load_model, load_task
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.grid import Grid, resources, worker
from acdc_custom.grid.resources import MemoryBudget
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs import workspace
from acdc_custom.runs.folder import RunFolder
from acdc_custom.runs.job import Job
from acdc_custom.runs.workspace import Workspace


def asking(job: Job, **options: Any) -> Job:
    """The job, with other settings."""
    return dataclasses.replace(job, settings=job.settings.with_(**options))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been opened and prepared, in order."""
    made: list[str] = []
    for name in ("open_model", "prepare_batch"):
        real = getattr(workspace, name)

        def noted(*args: Any, real: Any = real, name: str = name, **options: Any) -> Any:
            made.append(name)
            return real(*args, **options)

        monkeypatch.setattr(workspace, name, noted)
    return made


def test_its_circuit_is_that_of_discover(tmp_path: Path, job: Job) -> None:
    assert execute_job(job, tmp_path, Workspace()) == ""
    circuit = Circuit.load(tmp_path / job.name)
    assert circuit.edges == discover(load_task("ioi"), load_model(job.model), settings=job.settings).edges
    names = ["circuit.dot", "circuit.json", "circuit.svg", "decisions.jsonl", "run.json"]
    assert sorted(path.name for path in (tmp_path / job.name).iterdir()) == names


def test_jobs_that_share_model_and_batch_compute_them_once(tmp_path: Path, calls: list[str], quick: Grid) -> None:
    results = one_by_one(quick, tmp_path)
    assert calls == ["open_model", "prepare_batch"]
    assert len({len(edges) for edges, _ in results.values()}) == 2, "not the same search twice"


def test_another_batch_is_computed_anew_on_the_same_model(tmp_path: Path, calls: list[str], job: Job) -> None:
    space = Workspace()
    other = dataclasses.replace(asking(job, seed=1), name="other")
    assert [execute_job(job, tmp_path, space), execute_job(other, tmp_path, space)] == ["", ""]
    assert calls == ["open_model", "prepare_batch", "prepare_batch"]
    hashes = [Circuit.load(tmp_path / job.name).task.batch_sha256 for job in (job, other)]
    assert hashes[0] != hashes[1]


def test_a_job_that_has_ended_is_left_alone(tmp_path: Path, calls: list[str], quick: Grid) -> None:
    one_by_one(quick, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    calls.clear()
    one_by_one(quick, tmp_path)
    assert calls == [] and times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_a_job_that_was_stopped_resumes_from_its_journal(tmp_path: Path, job: Job) -> None:
    execute_job(job, tmp_path, Workspace())
    run = tmp_path / job.name
    whole, rows = found(run), (run / "decisions.jsonl").read_text().splitlines(keepends=True)
    (run / "circuit.json").unlink()
    (run / "decisions.jsonl").write_text("".join(rows[:150]))
    line = mark(run)
    assert execute_job(job, tmp_path, Workspace()) == ""
    assert (run / "decisions.jsonl").read_text() == line + "".join(rows[1:])
    assert found(run) == whole


def test_a_job_that_was_killed_before_it_wrote_what_was_asked_begins_anew(tmp_path: Path, job: Job) -> None:
    (tmp_path / job.name).mkdir()
    (tmp_path / job.name / "decisions.jsonl").touch()
    assert execute_job(job, tmp_path, Workspace()) == ""
    assert (tmp_path / job.name / "circuit.json").exists()


def test_a_job_waits_for_a_process_that_is_still_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    other = RunFolder.begin(tmp_path / job.name)
    monkeypatch.setattr(worker, "CLAIM_TIMEOUT", 0.0)
    assert "another process is writing into" in execute_job(job, tmp_path, Workspace())
    monkeypatch.setattr(worker, "CLAIM_TIMEOUT", 30.0)
    monkeypatch.setattr(worker.time, "sleep", lambda seconds: other.__exit__(None))
    assert execute_job(job, tmp_path, Workspace()) == ""


def test_what_is_wrong_with_a_job_is_a_line_and_no_folder(tmp_path: Path, job: Job) -> None:
    error = execute_job(asking(job, corruption="nil"), tmp_path, Workspace())
    assert 'there is no corruption "nil"' in error and "\n" not in error
    assert not (tmp_path / job.name).exists()


def test_a_limit_is_for_jobs_that_have_none(tmp_path: Path, job: Job) -> None:
    told = execute_job(job, tmp_path, Workspace(), MemoryBudget(1))
    assert "1 MiB are allowed. Use fewer --workers, or fewer prompts (--n)." in told
    assert execute_job(asking(job, memory_limit=2**40), tmp_path, Workspace(), MemoryBudget(1)) == ""
    own = execute_job(
        dataclasses.replace(asking(job, memory_limit=1), name="own"), tmp_path, Workspace(), MemoryBudget(2**40)
    )
    assert own.endswith("or a higher --memory-limit.")


def test_on_a_gpu_a_run_is_limited_to_its_share_if_it_shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr(worker, "resolve_device", lambda device: "cuda")
    monkeypatch.setattr(resources, "_gpu_bytes", lambda: 10**9)
    monkeypatch.setattr(worker, "_execute", lambda job, folder, workspace: asked.append(job.settings.memory_limit))
    execute_job(job, tmp_path, Workspace(), MemoryBudget(1))
    execute_job(job, tmp_path, Workspace(), MemoryBudget(1, 0.5))
    assert asked == [None, 4 * 10**8]


def test_a_job_decides_the_edges_that_the_one_before_it_has_left(tmp_path: Path, job: Job) -> None:
    later = dataclasses.replace(asking(job, threshold=1.0), name="later", after=job.name)
    told = execute_job(later, tmp_path, Workspace())
    assert told == f"it starts from the circuit of {job.name}, and there is none." and not (tmp_path / "later").exists()
    space = Workspace()
    assert [execute_job(each, tmp_path, space) for each in (job, later)] == ["", ""]
    before, circuit = (Circuit.load(tmp_path / name) for name in (job.name, "later"))
    alone = discover("ioi", job.model, asking(later, start=str(tmp_path / job.name)).settings, progress=False)
    assert circuit.edges == alone.edges and circuit.settings == alone.settings
    assert {kept.edge for kept in circuit.edges} < {kept.edge for kept in before.edges}
    assert sum(circuit.search.decided.values()) == len(before.edges)


def test_where_nothing_is_left_the_next_circuit_is_empty_too(tmp_path: Path, job: Job) -> None:
    first = asking(job, threshold=1000.0)
    later = dataclasses.replace(asking(job, threshold=2000.0), name="later", after=first.name)
    space = Workspace()
    assert [execute_job(each, tmp_path, space) for each in (first, later)] == ["", ""]
    before, circuit = (Circuit.load(tmp_path / name) for name in (first.name, "later"))
    assert (circuit.edges, circuit.outcome.circuit) == ((), before.outcome.circuit)
    assert circuit.search.evaluations == 0 and set(circuit.search.decided.values()) == {0}
    with pytest.raises(UsageError, match="the circuit to start from has no edges"):
        discover("ioi", job.model, threshold=1, start=str(tmp_path / first.name), progress=False)
    (tmp_path / "later" / "circuit.json").unlink()
    assert execute_job(later, tmp_path, space) == "" and Circuit.load(tmp_path / "later").edges == (), "resumed"
