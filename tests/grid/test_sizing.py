"""As many processes as cores, jobs and memory allow."""

from __future__ import annotations

import pytest

from acdc_custom.grid.sizing import Crew, Machine, crew_for, this_machine
from acdc_custom.memory import GIB

SMALL, LARGE = 4 * 10**6, 8 * GIB


@pytest.mark.parametrize(
    ("jobs", "model", "machine", "workers", "crew"),
    [
        (100, SMALL, Machine(8, 100 * GIB), None, Crew(8, 1, 10 * GIB)),
        (3, SMALL, Machine(8, 100 * GIB), None, Crew(3, 2, 80 * GIB // 3)),
        (100, LARGE, Machine(8, 100 * GIB), None, Crew(3, 2, 80 * GIB // 3)),  # 26 GiB each
        (100, LARGE, Machine(8, 10 * GIB), None, Crew(1, 8, 8 * GIB)),  # not even one: it may still work
        (100, LARGE, Machine(8, 100 * GIB), 5, Crew(5, 1, 16 * GIB)),
        (2, SMALL, Machine(1, 10 * GIB), 5, Crew(2, 1, 4 * GIB)),
    ],
)
def test_the_crew(jobs: int, model: int, machine: Machine, workers: int | None, crew: Crew) -> None:
    assert crew_for(jobs, model, machine, workers) == crew


def test_this_machine_has_a_core_and_some_memory() -> None:
    here = this_machine()
    assert here.cores >= 1 and here.free > 0
