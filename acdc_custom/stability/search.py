"""A study of stability in memory: the searches of its plan, one after the other, and what they have in common.

Owns the form for Python; `acdc-custom stability` runs each search in a folder of its own, and many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acdc_custom.choices import Variation
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.model.given import load_model
from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import Progress, silent, steps
from acdc_custom.search.discover import provenance, search
from acdc_custom.search.registry import method_named
from acdc_custom.stability.plan import parse_variations, plan_runs
from acdc_custom.stability.record import FinishedRun, n_measured
from acdc_custom.stability.shares import DEFAULT_SHARE, checked_share
from acdc_custom.stability.study import Study, study_runs
from acdc_custom.task.given import load_task

VARIED = ("order", "order_seed", "resample", "templates")  # settings that every run draws


def study_stability(
    task: Any,
    model: Any = DEFAULT_MODEL,
    runs: int = 20,
    vary: Sequence[str] = tuple(Variation),
    alone: int = 5,
    share: float = DEFAULT_SHARE,
    progress: bool = True,
    **options: Any,
) -> Study:
    """Search `runs` times with everything in `vary` drawn anew, and `alone` times with each kind alone.

    Gives what the runs have in common, and the consensus: the circuit of the edges that at least `share` of them keep.
    Task and model may be anything that `discover` takes, `options` are its settings by name, such as `n=20`. Writes no
    file; a bar shows its progress, unless `progress` is false. Raises `UsageError` for what no study can have.
    """
    if given := [name for name in VARIED if name in options]:
        raise UsageError(f"{given[0]} is drawn for each run. Say with vary what is: {', '.join(Variation)}.")
    checked_share(share)
    settings = SearchSettings.of(**options)
    settings = method_named(settings.method).completed(settings)
    asked = load_task(task)
    kinds = parse_variations(",".join(vary))
    plan = plan_runs(kinds, runs, alone, asked.n_templates, settings.prompts.seed)
    loaded = load_model(model)
    prepared = prepare_batch(asked, loaded, settings)
    with ProgressBar() as bar:
        report: Progress = bar if progress else silent
        found = []
        on_search = steps(report, "Searching", len(plan.draws))
        for draw in plan.draws:
            own = draw.of(settings)
            found.append(FinishedRun(draw.name, draw.varied, search(prepare_batch(asked, loaded, own), own)))
            on_search()
        on_step = steps(report, "Running circuits", n_measured(found, share))
        return study_runs(found, prepared, provenance(prepared, settings), share, plan.notes, on_step)
