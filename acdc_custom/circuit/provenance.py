"""Where a result comes from: what was chosen, on which task, in which model, with which versions.

Owns the records that `run.json` and `circuit.json` share. With the same provenance comes the
same circuit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from acdc_custom.circuit.settings import SearchSettings

SECTIONS = ("settings", "task", "model", "packages")


@dataclass(frozen=True)
class TaskRecord:
    """The task, in full. `text` is the task file's; the hashes are SHA-256."""

    name: str
    text: str
    sha256: str
    batch_sha256: str


@dataclass(frozen=True)
class ModelRecord:
    """The model. `weights_sha256` is over all parameters; see `acdc_custom.model.model.Model.fingerprint`."""

    name: str
    architecture: str
    parameters: int
    weights_sha256: str


@dataclass(frozen=True)
class Provenance:
    """Everything that a circuit depends on: with the same provenance comes the same circuit."""

    settings: SearchSettings  # complete: nothing of it is left to the task, the model or the method
    task: TaskRecord
    model: ModelRecord
    packages: Mapping[str, str]

    def differences(self, other: Provenance) -> list[str]:
        """What is not the same, one line each: `settings.threshold: 0.01, now 0.02`."""
        lines = []
        for section, mine, theirs in zip(SECTIONS, self._sections(), other._sections(), strict=True):
            for key in {**mine, **theirs}:
                before, now = mine.get(key), theirs.get(key)
                if before != now:
                    shown = "" if key == "text" else f": {before}, now {now}"
                    lines.append(f"{section}.{key}{shown}")
        return lines

    def _sections(self) -> tuple[Mapping[str, Any], ...]:
        return self.settings.flat(), asdict(self.task), asdict(self.model), self.packages
