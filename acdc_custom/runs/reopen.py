"""A finished run, opened again: its circuit, and the task and the model that it was found with.

Owns finding both from a run folder, and the certainty that they are the same: the same prompts, token for token,
and the same weights. Versions may differ; what was decided stays as it was decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.choices import Device
from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.errors import ResultError
from acdc_custom.memory import MemoryPlan
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.runs.folder import REQUEST, RunRequest
from acdc_custom.task.find import load_task


@dataclass(frozen=True)
class RunSource:
    """The task and the model as the user gave them. `memory` is the run's plan, or None for a lone `circuit.json`."""

    task: str
    model: str
    memory: MemoryPlan | None


@dataclass(frozen=True)
class Reopened:
    """A circuit beside its batch, run again on its model."""

    circuit: Circuit
    source: RunSource
    prepared: PreparedBatch


def reopen(
    where: str | Path,
    device: Device | str | None = None,
    say: Callable[[str], None] = lambda line: None,
    opener: Callable[..., Model] = open_model,
) -> Reopened:
    """Open a run folder or a `circuit.json`, its model and its prompts; `device` None is the run's.

    `say` is told, in a line, of anything that takes time. `opener` opens models as `open_model` does. Raises an
    `AcdcError` when the task or the model cannot be opened, or is not what it was.
    """
    path = Path(where)
    circuit = Circuit.load(path)
    source = _source(path if path.is_dir() else path.parent, circuit)
    settings = circuit.settings
    task = load_task(source.task)
    model = opener(source.model, device or settings.device, settings.dtype, say)
    elsewhere = model.device.type != settings.device.value  # whose memory the run's plan says nothing of
    prepared = prepare_batch(task, model, settings, None if elsewhere else source.memory)
    changed = {
        f"the model {source.model}": (circuit.model.weights_sha256, model.fingerprint),
        f"the task {source.task}": (circuit.task.sha256, task.sha256),
        "the prompts": (circuit.task.batch_sha256, prepared.batch.sha256),
    }
    if different := [what for what, (before, now) in changed.items() if before != now]:
        raise ResultError(
            f"{path / FILE_NAME if path.is_dir() else path} was found with something else: {' and '.join(different)} "
            "changed since. Undo that, or search again."
        )
    return Reopened(circuit, source, prepared)


def _source(folder: Path, circuit: Circuit) -> RunSource:
    if (folder / REQUEST).exists():
        request = RunRequest.load(folder)
        return RunSource(request.task, request.model, request.memory)
    return RunSource(circuit.task.name, circuit.model.name, None)
