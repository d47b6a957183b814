"""Is a search's forecast of its time right, and from when on?

    python benchmarks/forecast.py [MODEL [N [THRESHOLD]]]

Searches for three tasks with both methods. At a tenth, a quarter and a half of the time, and before the search, it
takes the time that has passed with what the forecast says is left, which is what the bar shows, and divides that by
what the search takes in the end: 2.0 is twice too long. All times are the processor's, so that other work on the
machine makes no difference; that of the hint is in it.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from acdc_custom import load_model
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.search import pace
from acdc_custom.search.discover import completed, search
from acdc_custom.search.pace import forecast_of
from acdc_custom.task.given import load_task

TASKS = ("ioi", "latest_s", "antonyms")
METHODS = ("acdc", "grouped")
SHARES = (0.05, 0.1, 0.25, 0.5)

T = TypeVar("T")


def timed_by_processor(device: torch.device, action: Callable[[], T]) -> tuple[T, float]:
    """As the engine's `timed`."""
    started = time.process_time()
    done = action()
    return done, time.process_time() - started


def told(task: str, model: Any, method: str, n: int, threshold: float) -> tuple[float, list[float]]:
    """The seconds of a search, and what it was said to take in all, over that: before it, and at each share of it."""
    prepared = prepare_batch(load_task(task), model, n=n)
    settings = completed(prepared, SearchSettings.of(n=n, method=method, threshold=threshold))
    forecast = forecast_of(prepared, settings)
    begun = time.process_time()
    times, left = [0.0], [forecast.seconds]

    def note(decision: Decision) -> None:
        now = time.process_time()
        forecast.note(decision, now)
        times.append(now - begun)
        left.append(forecast.seconds)

    search(prepared, settings, note)
    whole = times[-1]
    return whole, [share + left[bisect_right(times, share * whole) - 1] / whole for share in (0.0, *SHARES)]


def main(model_name: str = "demo-4l", n: str = "100", threshold: str = "0.01") -> None:
    """Print a line per search."""
    torch.set_num_threads(1)
    pace.timed = timed_by_processor  # type: ignore[attr-defined]
    model = load_model(model_name)
    print(f"{model_name}, {n} prompts, threshold {threshold}")
    print(f"{'task':<10}{'method':<9}{'seconds':>8}{'before':>8}" + "".join(f"{share:>8.0%}" for share in SHARES))
    for task in TASKS:
        for method in METHODS:
            whole, factors = told(task, model, method, int(n), float(threshold))
            print(f"{task:<10}{method:<9}{whole:>8.1f}" + "".join(f"{factor:>8.2f}" for factor in factors), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
