"""Runs that several tests of sweeps read."""

from __future__ import annotations

from pathlib import Path

import pytest
from swept import Here, small_grids

from acdc_custom.grid import run_grid
from acdc_custom.sweep.measure import SweepRun, measure
from acdc_custom.sweep.result import Sweep


@pytest.fixture(scope="package")
def runs(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> list[SweepRun]:
    """Those of `small_grids`."""
    folder: Path = tmp_path_factory.mktemp("sweep")
    ended = [run for n, grid in enumerate(small_grids(small_model)) for run in run_grid(grid, folder / str(n), Here())]
    return [SweepRun.load(run.folder) for run in ended]


Told = dict[str, list[tuple[int, int]]]


@pytest.fixture(scope="package")
def last(runs: list[SweepRun]) -> tuple[Sweep, Told]:
    """The sweep of the last run alone, and the work that was told while it was measured."""
    told: Told = {}
    found = measure(runs[-1:], progress=lambda what, more, total: told.setdefault(what, []).append((more, total)))
    return found, told
