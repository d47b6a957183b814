"""A sweep in memory: searches at several thresholds on one batch, and the curve that they make.

Owns the form for Python; `acdc-custom sweep` runs each search in a folder of its own, and many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acdc_custom.choices import checked_threshold
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import Progress, silent, steps
from acdc_custom.search.discover import load_start, search
from acdc_custom.sweep.measure import SweepRun, case_of
from acdc_custom.sweep.plan import DEFAULT_THRESHOLDS
from acdc_custom.sweep.result import Sweep


def sweep_thresholds(
    task: Any,
    model: Any = DEFAULT_MODEL,
    thresholds: Sequence[float] = DEFAULT_THRESHOLDS,
    progress: bool = True,
    path: bool = False,
    **options: Any,
) -> Sweep:
    """Search at each threshold, and set beside the circuits those of the same size that other methods rank first.

    Task and model may be anything that `discover` takes, `options` are its settings by name, such as `n=20`. Writes no
    file; a bar shows its progress, unless `progress` is false. Of a `path` every search but the first, that of the
    smallest threshold, decides only the edges that the one before it has left: the circuits are nested, and found in
    less time. Raises `UsageError` without a threshold.
    """
    chosen = sorted({checked_threshold(threshold) for threshold in thresholds})
    if not chosen:
        raise UsageError("no threshold was given. Give some, such as thresholds=(0.01, 0.1).")
    if "threshold" in options:
        raise UsageError("threshold is of one search. Give thresholds, several of them.")
    settings = SearchSettings.of(**options)
    start = load_start(settings)
    prepared = prepare_batch(task, model, settings)
    with ProgressBar() as bar:
        report: Progress = bar if progress else silent
        runs: list[SweepRun] = []
        on_search = steps(report, "Searching", len(chosen))
        for threshold in chosen:
            circuit = search(prepared, settings.with_(threshold=threshold), start=start)
            start = circuit if path else start
            runs.append(SweepRun(Path(), circuit, nested=path))
            on_search()
        return Sweep((case_of(runs, prepared, report),), ())
