"""A finished run, opened again: its circuit, and the task and the model that it was found with.

Owns finding both from a run folder, and the certainty that they are the same: the same prompts, token for token,
and the same weights. Versions may differ; what was decided stays as it was decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.choices import Device
from acdc_custom.circuit import FILE_NAME, Circuit
from acdc_custom.discovery import Prepared, prepare_batch
from acdc_custom.errors import ResultError
from acdc_custom.memory import WINDOW_BYTES, MemoryPlan
from acdc_custom.model.open import open_model
from acdc_custom.run_folder import REQUEST, Request
from acdc_custom.task.find import load_task


@dataclass(frozen=True)
class Reopened:
    """A circuit beside its batch, run again on its model."""

    circuit: Circuit
    request: Request
    prepared: Prepared


def request_of(where: Path, circuit: Circuit) -> Request:
    """What was asked for: the run folder's `run.json`, or for a lone `circuit.json` the names that it holds.

    Raises `ResultError` for a damaged `run.json`.
    """
    folder = where if where.is_dir() else where.parent
    if (folder / REQUEST).exists():
        return Request.load(folder)
    everything = MemoryPlan(limit=0, peak=0, chunk=circuit.settings.n, window_bytes=WINDOW_BYTES)
    return Request(circuit.task.name, circuit.model.name, None, everything, circuit.provenance)


def reopen(
    where: str | Path, device: Device | str | None = None, say: Callable[[str], None] = lambda line: None
) -> Reopened:
    """Open a run folder or a `circuit.json`, its model and its prompts; `device` None is the run's.

    `say` is told, in a line, of anything that takes time. Raises an `AcdcError` when the task or the model cannot be
    opened, or is not what it was.
    """
    path = Path(where)
    circuit = Circuit.load(path)
    request = request_of(path, circuit)
    settings = circuit.settings
    task = load_task(request.task)
    model = open_model(request.model, device or settings.device, settings.dtype, say)
    prepared = prepare_batch(task, model, settings.n, settings.seed, settings.corruption, settings.ablation)
    changed = {
        f"the model {request.model}": (circuit.model.weights_sha256, model.fingerprint),
        f"the task {request.task}": (circuit.task.sha256, task.sha256),
        "the prompts": (circuit.task.batch_sha256, prepared.batch.sha256),
    }
    if different := [what for what, (before, now) in changed.items() if before != now]:
        raise ResultError(
            f"{path / FILE_NAME if path.is_dir() else path} was found with something else: {' and '.join(different)} "
            "changed since. Undo that, or search again."
        )
    return Reopened(circuit, request, prepared)
