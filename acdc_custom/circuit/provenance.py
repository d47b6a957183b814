"""Where a result comes from: what was chosen, on which task, in which model, with which versions.

Owns the records that `run.json` and `circuit.json` share, and their reading. With the same provenance comes the
same circuit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from acdc_custom.files.reading import record


@dataclass(frozen=True)
class Settings:
    """Everything that was chosen for the search."""

    threshold: float
    metric: str
    ablation: str
    knock_out: str  # heads without edges from the start, as in "a9.h6,a9.h9"; "" for none
    order: str
    order_seed: int  # matters for the random order alone
    n: int  # prompts
    seed: int
    corruption: str
    templates: str  # the numbers of those that prompts were made from, as in "0,2"; "" for all
    resample: int | None  # the seed with which the prompts were drawn anew, with replacement; None: they were not
    device: str
    dtype: str


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

    settings: Settings
    task: TaskRecord
    model: ModelRecord
    packages: Mapping[str, str]

    def to_content(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_content(cls, content: Any) -> Self:
        """The inverse; other keys are left alone. Raises `KeyError` or `TypeError` for anything else."""
        read = {
            "settings": record(Settings, content["settings"]),
            "task": record(TaskRecord, content["task"]),
            "model": record(ModelRecord, content["model"]),
        }
        provenance: Self = record(cls, {"packages": content["packages"]}, **read)
        return provenance

    def differences(self, other: Provenance) -> list[str]:
        """What is not the same, one line each: `settings.threshold: 0.01, now 0.02`."""
        lines = []
        mine, theirs = self.to_content(), other.to_content()
        for section in mine:
            for key in {**mine[section], **theirs[section]}:
                before, now = mine[section].get(key), theirs[section].get(key)
                if before != now:
                    shown = "" if key == "text" else f": {before}, now {now}"
                    lines.append(f"{section}.{key}{shown}")
        return lines
