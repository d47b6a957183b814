"""The window's size follows costs and luck, never the clock."""

from __future__ import annotations

import torch

from acdc_custom.engine.window import LARGEST, Cost, WindowSize, fixed_cost

MEMORY = 2**30
DEAR_START = Cost(fixed=1e8, per_candidate=1e5, bytes_per_candidate=1)
DEAR_CANDIDATES = Cost(fixed=1e6, per_candidate=1e9, bytes_per_candidate=1)


def test_a_fixed_size_stays() -> None:
    size = WindowSize(3, MEMORY)
    size.note(kept=False)
    assert size.next(DEAR_START) == 3


def test_windows_are_larger_where_starting_one_is_dear() -> None:
    assert WindowSize(None, MEMORY).next(DEAR_START) > WindowSize(None, MEMORY).next(DEAR_CANDIDATES) >= 1


def test_windows_grow_while_everything_goes_and_shrink_when_edges_are_kept() -> None:
    size = WindowSize(None, MEMORY)
    before = size.next(DEAR_START)
    for _ in range(500):
        size.note(kept=False)
    grown = size.next(DEAR_START)
    assert before < grown <= LARGEST
    for _ in range(50):
        size.note(kept=True)
    assert size.next(DEAR_START) < grown


def test_memory_bounds_the_window_down_to_one() -> None:
    assert WindowSize(None, MEMORY).next(Cost(1e9, 1.0, MEMORY / 2)) == 2
    assert WindowSize(None, MEMORY).next(Cost(1e9, 1.0, MEMORY * 10)) == 1
    assert WindowSize(100, MEMORY).next(Cost(1e9, 1.0, MEMORY / 2)) == 2


def test_a_gpu_takes_larger_windows_since_it_multiplies_faster_than_it_can_be_told_to() -> None:
    gpu, cpu = (fixed_cost(torch.device(name)) for name in ("cuda", "cpu"))
    assert gpu.step > 10 * cpu.step and gpu.weight >= cpu.weight
    assert fixed_cost(torch.device("meta")) == cpu
