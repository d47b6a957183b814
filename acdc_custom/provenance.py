"""Where a result comes from: what was chosen, on which task, in which model, with which versions.

Owns the records that `run.json` and `circuit.json` share, and their reading. With the same provenance comes the
same circuit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Settings:
    """Everything that was chosen for the search."""

    threshold: float
    metric: str
    ablation: str
    order: str
    order_seed: int  # matters for the random order alone
    n: int  # prompts
    seed: int
    corruption: str
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
        """The inverse. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        return cls(
            settings=record(Settings, content["settings"]),
            task=record(TaskRecord, content["task"]),
            model=record(ModelRecord, content["model"]),
            packages=texts(content["packages"]),
        )

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


def record(kind: Any, content: Any) -> Any:
    """A dataclass from a JSON object with exactly its fields, each of its type."""
    names = {f.name for f in fields(kind)}
    if not isinstance(content, dict) or set(content) != names:
        given = ", ".join(sorted(content)) if isinstance(content, dict) else type(content).__name__
        raise TypeError(f"expected an object with {', '.join(sorted(names))}, found {given}")
    simple: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    for f in fields(kind):
        allowed = simple.get(str(f.type))
        value = content[f.name]
        if allowed and (not isinstance(value, allowed) or (isinstance(value, bool) and f.type != "bool")):
            raise TypeError(f"{f.name} is {value!r}, expected {f.type}")
    return kind(**content)


def texts(content: Any) -> dict[str, str]:
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise TypeError(f"expected an object of texts, found {content!r}")
    return content
