"""Where the time goes: seconds per stage of a search, and of one piece of work.

Owns the stages and the clock. On a GPU the clock is the GPU's own, read when a window's values have arrived, so that
nothing has to wait for a time to be taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

import torch

T = TypeVar("T")


class TimedStage(StrEnum):
    """What a search spends its time on."""

    PLANNING = "planning routes"
    INPUTS = "candidates' inputs"
    ATTENTION = "attention"
    MLP = "MLPs"
    OUTPUT = "output and metric"
    UPDATING = "updating live nodes"
    DECIDING = "deciding and journal"


class Stopwatch:
    """Attributes all time since the last lap to the stage that has just ended."""

    def __init__(self, device: torch.device) -> None:
        self.seconds = dict.fromkeys(TimedStage, 0.0)
        self._on_gpu = device.type == "cuda"
        self._last = time.perf_counter()
        self._laps: list[tuple[TimedStage, torch.cuda.Event]] = []

    def lap(self, stage: TimedStage) -> None:
        """The stage has ended."""
        if self._on_gpu:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self._laps.append((stage, event))
            return
        now = time.perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now

    def settle(self) -> None:
        """Read the GPU's laps so far, which it must have finished. On a CPU there is nothing to do."""
        for (_, before), (stage, after) in pairwise(self._laps):
            self.seconds[stage] += before.elapsed_time(after) / 1000
        self._laps = self._laps[-1:]


def timed(device: torch.device, action: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and the seconds that it took; a GPU has done its part then, too."""
    settle: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    settle()
    started = time.perf_counter()
    done = action()
    settle()
    return done, time.perf_counter() - started
