"""Two runs that a grid's workers execute, on the small model."""

from __future__ import annotations

import dataclasses

import pytest
from grids import QUICK

from acdc_custom.grid import Grid
from acdc_custom.runs.job import Job


@pytest.fixture
def quick(small_model: str) -> Grid:
    """Two runs of the small model."""
    return dataclasses.replace(QUICK, jobs=tuple(dataclasses.replace(job, model=small_model) for job in QUICK.jobs))


@pytest.fixture
def job(quick: Grid) -> Job:
    """The first of them."""
    return quick.jobs[0]
