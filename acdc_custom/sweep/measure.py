"""From finished runs to curves: what was found at each threshold, and scoring methods at the same sizes beside it.

Owns which runs belong together, and which circuits are run beside them. The circuits that were found are not run
again: their numbers are in their `circuit.json`. What all do on prompts that no search has seen is `tested.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

from acdc_custom.choices import Device, Ranking
from acdc_custom.circuit.circuit import Circuit, Outcome, TestOutcome
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge
from acdc_custom.model.open import open_model
from acdc_custom.progress.protocol import OnStep, Progress, silent, steps
from acdc_custom.runs.reopen import reopen
from acdc_custom.search.beside import Beside, methods_beside
from acdc_custom.search.held_out import prepare_draw
from acdc_custom.search.method import top_edges
from acdc_custom.sweep.curve import SHARES, Curve, OnTest, Point, end_points
from acdc_custom.sweep.result import Attributed, Case, Searched, Shared, Sweep
from acdc_custom.sweep.suggestion import suggest
from acdc_custom.sweep.tested import FirstEdges, test_prompts, tested_attributions, tested_circuits
from acdc_custom.task.selection import Draw


@dataclass(frozen=True)
class SweepRun:
    """A finished run; `nested`: one of a path, where every search but the first starts from the circuit before."""

    folder: Path
    circuit: Circuit
    nested: bool = False

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a run folder. Raises `ResultError`."""
        return cls(Path(folder), Circuit.load(folder))

    @property
    def name(self) -> str:
        """Its folder's, within the sweep's."""
        return self.folder.name

    @property
    def start(self) -> Path | None:
        """The folder of the run from whose circuit it starts, if that lies beside its own."""
        start = self.circuit.settings.start
        return self.folder.parent / Path(start).name if start else None


def measure(
    runs: Iterable[SweepRun],
    failed: Iterable[str] = (),
    device: Device | str | None = None,
    progress: Progress = silent,
) -> Sweep:
    """The curves of all runs; `device` None is the runs' own. `failed` are the names of those that found nothing.

    Every batch is run again on its model, for the attributions. Raises an `AcdcError` where that is not what it was, or
    without any run.
    """
    opener = lru_cache(maxsize=1)(open_model)  # batches of one model, one after the other, open it once
    cases = []
    for together in _grouped(in_paths(tuple(runs)), _batch_of):
        progress(f"Opening {_name(together[0])}", 0, 1)
        # Not kept in a name here: while the next batch is opened, this one would still be in memory.
        cases.append(case_of(together, reopen(together[0].folder, device, opener=opener).prepared, progress))
    if not cases:
        raise UsageError("there is no run to make a curve of. Give at least one finished run.")
    return Sweep(tuple(cases), tuple(failed))


def in_paths(runs: Sequence[SweepRun]) -> list[SweepRun]:
    """The same, with those marked that make up paths: a run that starts from another one of them, and that one."""
    folders = {run.folder for run in runs}
    starts = {run.start for run in runs if run.start in folders}
    return [replace(run, nested=run.nested or run.start in folders or run.folder in starts) for run in runs]


def _searched(runs: Sequence[SweepRun]) -> Searched:
    """The curve of runs that differ in nothing but their thresholds."""
    circuit = runs[0].circuit
    settings, (empty, full) = circuit.settings, _ends(circuit)
    points = [
        _point(len(r.circuit.edges), r.circuit.outcome, r.circuit.settings.threshold, r.name, r.circuit.test)
        for r in runs
    ]
    curve = Curve(settings.method, empty, full, _by_size(points))
    suggestion = suggest(curve, circuit.outcome.model, settings.parsed_metric.unit)
    return Searched(settings.metric or "", settings.order, settings.order_seed, curve, suggestion, runs[0].nested)


def case_of(runs: Sequence[SweepRun], prepared: PreparedBatch, progress: Progress) -> Case:
    """The curves of runs on one batch, which is `prepared`; see `measure`."""
    circuit = runs[0].circuit
    outcome = circuit.outcome
    beside = methods_beside(circuit.n_edges, len(prepared.batch.prompts), circuit.in_positions)
    what = f"Other methods, {_name(runs[0])}"
    sizes = sorted({len(run.circuit.edges) for run in runs} - {0, circuit.n_edges})
    attributions, first = _attributed(circuit, prepared, sizes, beside, lambda total: steps(progress, what, total))
    # Last, when what the methods need is in memory no more.
    scorer = prepare_draw(prepared, circuit.settings, Draw.TEST)
    circuits = [run.circuit for run in runs]
    if scorer is None:
        circuits = [replace(circuit, test=None) for circuit in circuits]
    else:
        on_test = steps(progress, f"On test prompts, {_name(runs[0])}", len(runs) + len(first) * len(sizes))
        circuits = tested_circuits(circuits, scorer, on_test)
        attributions = tested_attributions(attributions, first, scorer, on_test)
    runs = [replace(run, circuit=circuit) for run, circuit in zip(runs, circuits, strict=True)]
    return Case(
        circuit.task.name,
        circuit.model.name,
        Shared.of(circuit.settings),
        outcome.model,
        outcome.empty,
        tuple(_searched(together) for together in _grouped(runs, _search_of)),
        attributions,
        beside.notes,
        len(circuit.spans),
        None if scorer is None else test_prompts(scorer),
    )


def _attributed(
    circuit: Circuit,
    prepared: PreparedBatch,
    found: Sequence[int],
    beside: Beside,
    begin: Callable[[int], OnStep],
) -> tuple[tuple[Attributed, ...], FirstEdges]:
    """The edges that scoring methods rank first, as many as the circuits that were found have, and MIB's shares; of
    circuits in positions, edges at spans. The edges themselves of as many as were found, by their absolute scores."""
    empty, full = _ends(circuit)
    positions = circuit.in_positions
    sizes = sorted(({*found} | {int(share * full.n_edges) for share in SHARES}) - {0, full.n_edges})
    scored = sum(method.total_steps(prepared.chunks, positions=positions) for method in beside.methods)
    on_step = begin(scored + len(beside.methods) * len(Ranking) * len(sizes))
    bench = CircuitScorer(prepared)

    def ranked(scores: Mapping[Edge, float], method: str, ranking: Ranking) -> Curve:
        points = []
        for size in sizes:
            behaviour = bench(top_edges(scores, size, ranking)).behaviour()
            points.append(_point(size, replace(circuit.outcome, circuit=behaviour)))
            on_step()
        return Curve(method, empty, full, tuple(points))

    attributed, first = [], {}
    for method in beside.methods:
        scores = method.scores(prepared.chunks, on_step, positions)
        first[method.name] = {size: top_edges(scores, size, Ranking.ABSOLUTE) for size in found}
        attributed.append(
            Attributed(method.name, {ranking: ranked(scores, method.name, ranking) for ranking in Ranking})
        )
    return tuple(attributed), first


def _ends(circuit: Circuit) -> tuple[Point, Point]:
    return end_points(circuit.outcome.model, circuit.outcome.empty, circuit.n_edges)


def _point(
    n_edges: int,
    outcome: Outcome,
    threshold: float | None = None,
    folder: str = "",
    test: TestOutcome | None = None,
) -> Point:
    inside, on_test = outcome.circuit, OnTest.of(test) if test else None
    return Point(n_edges, inside.kl, inside.logit_diff, outcome.faithfulness, threshold, folder, on_test)


def _by_size(points: Iterable[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: (point.n_edges, -(point.threshold or 0))))


def _grouped(runs: Iterable[SweepRun], key: Callable[[SweepRun], object]) -> list[list[SweepRun]]:
    groups: dict[object, list[SweepRun]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.values())


def _batch_of(run: SweepRun) -> object:
    circuit = run.circuit
    task, model = circuit.task, circuit.model
    shared = Shared.of(circuit.settings)
    return task.name, task.batch_sha256, model.name, model.weights_sha256, shared, circuit.in_positions


def _search_of(run: SweepRun) -> object:
    settings = run.circuit.settings
    path = run.folder.parent if run.nested else None
    return settings.method, settings.metric, settings.order, settings.order_seed, path


def _name(run: SweepRun) -> str:
    return f"{run.circuit.task.name} in {run.circuit.model.name}"
