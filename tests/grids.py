"""Grids for tests: small ones, and one slow enough to be caught in the middle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from circuits import example_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.grid.plan import Grid, Kind
from acdc_custom.grid.progress import RunEvent, State
from acdc_custom.grid.worker import execute_job
from acdc_custom.runs.job import Job
from acdc_custom.runs.workspace import Workspace
from acdc_custom.task import load_task


def job(name: str, task: str = "ioi", **options: Any) -> Job:
    """A job with these settings."""
    return Job(name, task, settings=SearchSettings.of(**options))


QUICK = Grid(Kind.SWEEP, tuple(job(f"t{tau}", threshold=tau, n=2, held_out=0) for tau in (0.5, 2)))
# One candidate at a time and many prompts: a second or two each.
SLOW = Grid(Kind.SWEEP, tuple(job(f"t{tau}", threshold=tau, n=24, window=1) for tau in (0.02, 0.01)))


def result(folder: Path) -> Any:
    """Everything in a circuit.json that is not a time."""
    content = json.loads((folder / "circuit.json").read_text())
    del content["created"], content["search"]["seconds"], content["search"]["stages"]
    return content


def found(folder: Path) -> Any:
    """The edges of a circuit and what it does, without the effects."""
    content = result(folder)
    return [(edge["sender"], edge["receiver"]) for edge in content["edges"]], content["outcome"]


def one_by_one(grid: Grid, folder: Path) -> dict[str, Any]:
    """What the runs give that are done one after the other in this process."""
    workspace = Workspace()
    for job in grid.jobs:
        assert execute_job(job, folder, workspace) == ""
    return {job.name: found(folder / job.name) for job in grid.jobs}


def n_lines(run: Path) -> int:
    """Of a run's journal, so far."""
    journal = run / "decisions.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def mark(run: Path) -> str:
    """Give the first edge of an interrupted run's journal an effect that no search finds, and return its line: a run
    that resumes leaves it there, one that begins anew writes another."""
    journal = run / "decisions.jsonl"
    first, rest = journal.read_text().split("\n", 1)
    marked = json.dumps({**json.loads(first), "effect": 777.0}) + "\n"
    journal.write_text(marked + rest)
    return marked


def example_for(job: Job) -> Circuit:
    """The example circuit, as if found with the job's task."""
    circuit, task = example_circuit(), load_task(job.task)
    record = replace(circuit.task, text=task.text, sha256=task.sha256)
    return replace(circuit, provenance=replace(circuit.provenance, task=record))


class Puppet:
    """An executor that writes an example circuit for every job, but for those that fail."""

    def __init__(self, **failures: str) -> None:
        self.failures, self.given = failures, list[str]()

    def run(self, jobs: Sequence[Job], folder: Path) -> Iterator[RunEvent | None]:
        for job in jobs:
            self.given.append(job.name)
            yield RunEvent(job.name, State.RUNNING)
            yield None
            if error := self.failures.get(job.name):
                yield RunEvent(job.name, State.FAILED, error)
            else:
                example_for(job).save(folder / job.name)
                yield RunEvent(job.name, State.DONE)
