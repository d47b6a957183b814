"""The folder that a run writes: `decisions.jsonl` as it goes, then `circuit.json`, the pictures, nothing else."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import IO, Protocol, Self

from acdc_custom.circuit import FILE_NAME, Circuit
from acdc_custom.errors import ResultError
from acdc_custom.export.picture import draw
from acdc_custom.graph import Edge

JOURNAL = "decisions.jsonl"
PICTURES = ("circuit.dot", "circuit.svg")


class DecidedEdge(Protocol):
    """What the journal notes of a decision."""

    @property
    def edge(self) -> Edge: ...
    @property
    def kept(self) -> bool: ...
    @property
    def effect(self) -> float: ...
    @property
    def metric(self) -> float: ...
    @property
    def reason(self) -> str: ...


class RunFolder:
    """A run's folder, made before any work is done. Use it as a context; `note` decisions, then `finish`."""

    def __init__(self, path: Path) -> None:
        """Raises `ResultError` if the folder cannot be written to, or holds a run already."""
        self.path = path
        if any((path / name).exists() for name in (FILE_NAME, JOURNAL)):
            raise ResultError(f"{path} holds a run already. Give another folder with --out, or move that one away.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._journal: IO[str] = (path / JOURNAL).open("x", encoding="utf-8")
        except OSError as error:
            raise ResultError(
                f"the output folder {path} cannot be written to ({error.strerror}). Give another one with --out."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._journal.close()
        if failed and not (self.path / JOURNAL).stat().st_size:
            # Nothing has been decided yet: leave no trace, so that the same command can be given again.
            (self.path / JOURNAL).unlink()
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def note(self, decision: DecidedEdge) -> None:
        """Add one line to the journal. Raises `ResultError` when it cannot be written."""
        line = {
            "sender": str(decision.edge.sender),
            "receiver": str(decision.edge.receiver),
            "kept": decision.kept,
            "effect": decision.effect,
            "metric": decision.metric,
            "reason": str(decision.reason),
        }
        try:
            self._journal.write(json.dumps(line) + "\n")
        except OSError as error:
            raise ResultError(f"{self.path / JOURNAL} could not be written: {error.strerror}.") from error

    def finish(self, circuit: Circuit) -> list[Path]:
        """Write the circuit and its pictures; gives every file of the run."""
        self._journal.close()
        written = [circuit.save(self.path), self.path / JOURNAL]
        return written + [draw(circuit, self.path / name) for name in PICTURES]


def free_folder(parent: Path, task: str, model: str, threshold: float) -> Path:
    """A folder name that says what the run is, and that is not taken: `latest_s_demo-4l_0.01`, then `..._2`."""
    name = "_".join(re.sub(r"[^\w.-]+", "-", part).strip("-.") for part in (task, model, f"{threshold:g}"))
    paths = (parent / (name if number == 1 else f"{name}_{number}") for number in range(1, 10**6))
    return next(path for path in paths if not path.exists())
