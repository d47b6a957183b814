"""Grids for tests: small ones, and one slow enough to be caught in the middle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from acdc_custom.grid.plan import Grid, Kind
from acdc_custom.grid.shelf import Shelf
from acdc_custom.grid.worker import do
from acdc_custom.job import Job

# One candidate at a time and many prompts: two seconds each.
SLOW = Grid(
    Kind.SWEEP,
    tuple(Job(f"t{tau}", "ioi", threshold=tau, n=100, window=1) for tau in (0.02, 0.01, 0.005)),
)
QUICK = Grid(Kind.SWEEP, tuple(Job(f"t{tau}", "ioi", threshold=tau, n=4) for tau in (0.1, 0.5)))


def result(folder: Path) -> Any:
    """Everything in a circuit.json that is not a time."""
    content = json.loads((folder / "circuit.json").read_text())
    del content["created"], content["search"]["seconds"], content["search"]["stages"]
    return content


def one_by_one(grid: Grid, folder: Path) -> dict[str, Any]:
    """What the runs give that are done one after the other in this process."""
    shelf = Shelf()
    for job in grid.jobs:
        assert do(job, folder, shelf) == ""
    return {job.name: result(folder / job.name) for job in grid.jobs}


def n_lines(run: Path) -> int:
    """Of a run's journal, so far."""
    journal = run / "decisions.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
