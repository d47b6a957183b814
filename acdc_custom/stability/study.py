"""From finished runs and their model to what the runs have in common: the whole analysis.

Owns that single circuits and the consensus are measured alike, on the prompts that all runs drew theirs from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.provenance import Provenance
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.errors import ResultError
from acdc_custom.progress.protocol import OnStep, no_step
from acdc_custom.stability.as_circuit import consensus_circuit
from acdc_custom.stability.record import FinishedRun, Stability, examine_runs


@dataclass(frozen=True)
class Study:
    """What was found, and the consensus as a circuit."""

    stability: Stability
    consensus: Circuit


def study_runs(
    runs: Sequence[FinishedRun],
    prepared: PreparedBatch,
    origin: Provenance,
    share: float = 0.5,
    notes: Sequence[str] = (),
    on_step: OnStep = no_step,
) -> Study:
    """What `runs` have in common, those that vary everything first; see `examine_runs`.

    `prepared` is the batch of a run that varies nothing, `origin` is that run's. Raises `UsageError`, and
    `ResultError` for runs of another task or model.
    """
    _check_same(runs, origin)
    bench, spans = CircuitScorer(prepared), prepared.tokens.spans
    stability = examine_runs(
        runs,
        origin,
        lambda edges: bench(edges).behaviour(),
        bench.full.behaviour(),
        bench.empty.behaviour(),
        share,
        notes,
        on_step,
        {"": ("",), **{name: spans.seeing(spans.part(name)) for name in spans.names}},
    )
    return Study(stability, consensus_circuit(stability, runs, prepared))


def _check_same(runs: Sequence[FinishedRun], origin: Provenance) -> None:
    for run in runs:
        changed = {
            f"the model {origin.model.name}": run.circuit.model.weights_sha256 != origin.model.weights_sha256,
            f"the task {origin.task.name}": run.circuit.task.sha256 != origin.task.sha256,
        }
        if different := [what for what, has in changed.items() if has]:
            raise ResultError(
                f"the run {run.name} was made with something else: {' and '.join(different)} changed since. Undo that, "
                "or search again, in another folder."
            )
