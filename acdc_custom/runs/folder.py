"""The folder that a run writes: `run.json` first, `decisions.jsonl` as it goes, `circuit.json` last.

Owns what it takes for a run to be killed at any moment and to go on later: the journal's form, its reading back after
it was cut off in the middle of a line, and that no two processes write into one folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import IO, Any, Self

from acdc_custom.choices import DEFAULT_METHOD
from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.provenance import Provenance
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files.claim import FolderClaim, claim
from acdc_custom.files.reading import read_record
from acdc_custom.files.records import from_plain, seldom, to_json, to_plain
from acdc_custom.files.writing import name_part, write_atomically
from acdc_custom.memory import MemoryPlan

JOURNAL = "decisions.jsonl"
REQUEST = "run.json"
START = "start.json"  # a copy of the circuit that the search starts from
SCHEMA = 1
POSITIONS = "positions"  # the end of a folder's name, of a search in positions
LONGEST_PART = 40  # characters of a task's or a model's name in a folder's: file systems allow 255 bytes in all


@dataclass(frozen=True)
class RunRequest:
    """What was asked for, so that it can be asked for again: `task` and `model` as the user gave them.

    The memory plan changes no decision, but a search that is resumed keeps to it: so it comes out the same to the last
    bit.
    """

    task: str
    model: str
    edges: int  # that a search decides: all of the model's graph, or of its start; each once, whatever its spans
    memory: MemoryPlan
    provenance: Provenance
    roles: bool | None = None  # whether heads are measured at the end; None: if that is soon done
    n_spans: int = seldom(0)  # of a search in positions
    edges_at_spans: int = seldom(0)  # the same edges, each at every span

    def to_json(self) -> str:
        """The text of `run.json`."""
        return to_json(SCHEMA, to_plain(self))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a run folder's `run.json`. Raises `ResultError`."""
        return read_record(folder / REQUEST, SCHEMA, f"{folder} holds no run that could be resumed.", cls._checked)

    @classmethod
    def _checked(cls, content: dict[str, Any]) -> Self:
        request = from_plain(cls, content)
        memory = {f"memory.{name}": count for name, count in to_plain(request.memory).items()}
        at_spans = {"n_spans": request.n_spans, "edges_at_spans": request.edges_at_spans} if request.n_spans else {}
        least = {"edges": 0, "edges_at_spans": 0}  # of an empty start, no edge is left to decide
        for name, count in {"edges": request.edges, **memory, **at_spans}.items():
            if count < least.get(name, 1):
                raise ValueError(f"{name} is {count}, expected at least {least.get(name, 1)}")
        return request


class RunFolder:
    """A run's folder. Use it as a context: `begin` a run in a new folder, or resume one with `reopen`; `note`
    decisions; then `finish`."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        self._is_new = mode == "x"
        claimed: FolderClaim | None = None
        try:
            path.mkdir(parents=True, exist_ok=True)
            claimed = claim(path)
            if claimed is None:
                raise ResultError(
                    f"another process is writing into {path}. Wait for it, or give another folder with --out."
                )
            # Line by line, so that a killed run loses no more than the line that it is writing.
            self._journal: IO[str] = (path / JOURNAL).open(mode, encoding="utf-8", buffering=1)
        except OSError as error:
            if claimed:
                claimed.give_back()
            raise ResultError(
                f"the output folder {path} cannot be written to ({error.strerror}). Give another one with --out."
            ) from error
        self._claim = claimed

    @classmethod
    def begin(cls, path: Path) -> Self:
        """A new run's folder, made before any work is done.

        Raises `ResultError` if it cannot be written to, or holds a run already.
        """
        if os.path.exists(path / FILE_NAME):
            raise ResultError(f"{path} holds a run already. Give another folder with --out, or move that one away.")
        if os.path.exists(path / JOURNAL):
            raise ResultError(
                f"{path} holds a run already, which has not ended. Resume with: acdc-custom resume {quote(str(path))}, "
                "or give another folder with --out."
            )
        return cls(path, "x")

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """The folder of a run that was interrupted. Raises `ResultError` if there is none, or if it has ended."""
        if os.path.exists(path / FILE_NAME):
            raise ResultError(
                f"the run in {path} has ended: there is nothing to resume. See: acdc-custom show {quote(str(path))}"
            )
        if not os.path.isfile(path / JOURNAL):
            raise ResultError(
                f"{path} holds no run: there is no {JOURNAL} in it. Give the command of a run that had not begun again."
            )
        return cls(path, "r+")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._journal.close()
        leave_no_trace = False
        with contextlib.suppress(OSError):
            # If nothing has been decided yet, so that the same command can be given again.
            leave_no_trace = bool(failed) and self._is_new and not (self.path / JOURNAL).stat().st_size
            if leave_no_trace:
                for name in (JOURNAL, REQUEST, START):
                    (self.path / name).unlink(missing_ok=True)
        self._claim.give_back()
        if leave_no_trace:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    @property
    def resume_command(self) -> str:
        """The command that resumes the run."""
        return f"acdc-custom resume {quote(str(self.path))}"

    def ask(self, request: RunRequest, start: Circuit | None = None) -> None:
        """Write down what was asked for, and from which circuit. Raises `ResultError` when it cannot be written."""
        if start is not None:
            self._write(lambda: write_atomically(self.path / START, start.to_json()), START)
        self._write(lambda: write_atomically(self.path / REQUEST, request.to_json()), REQUEST)

    def start(self) -> Circuit | None:
        """The circuit that the search starts from; None: the full model. Raises `ResultError` if it is damaged."""
        return Circuit.load(self.path / START) if (self.path / START).exists() else None

    def note(self, decision: Decision) -> None:
        """Add one line to the journal. Raises `ResultError` when it cannot be written."""
        self._write(lambda: self._journal.write(decision.to_json() + "\n"), JOURNAL)

    def decisions(self) -> list[Decision]:
        """The journal so far, without a last line that was cut off. Raises `ResultError` if it is damaged."""
        *whole, _cut_off = (self.path / JOURNAL).read_bytes().decode(errors="replace").split("\n")
        decisions = []
        for number, row in enumerate(whole, 1):
            try:
                decisions.append(Decision.from_json(row))
            except (TypeError, ValueError, UsageError) as error:
                raise ResultError(f"{self.path / JOURNAL}, line {number} is damaged: {error}.") from error
        return decisions

    def keep(self, n_lines: int) -> None:
        """Cut the journal after so many lines, and resume from there."""
        whole = (self.path / JOURNAL).read_bytes().split(b"\n")[:n_lines]
        self._journal.seek(sum(len(line) + 1 for line in whole))
        self._journal.truncate()

    def finish(self, circuit: Circuit) -> list[Path]:
        """Write the circuit, which ends the run; gives the files of the run."""
        self._journal.flush()
        return [circuit.save(self.path), self.path / JOURNAL, self.path / REQUEST]

    def rewrite(self, decisions: Sequence[Decision]) -> None:
        """Write the journal anew, whole or not at all. Raises `ResultError` when it cannot be written."""
        text = "".join(decision.to_json() + "\n" for decision in decisions)
        self._journal.close()  # the new one is another file
        self._write(lambda: write_atomically(self.path / JOURNAL, text), JOURNAL)
        self._journal = (self.path / JOURNAL).open("a", encoding="utf-8", buffering=1)

    def _write(self, action: Any, name: str) -> None:
        try:
            action()
        except OSError as error:
            raise ResultError(
                f"{self.path / name} could not be written: {error.strerror}. What has been decided is kept; "
                f"resume with: {self.resume_command}"
            ) from error


def folder_name(task: str, model: str, settings: SearchSettings, amount: str = "") -> str:
    """`latest_s_demo-4l_0.01`; of another method than the default, `latest_s_demo-4l_eap-ig_200`; in positions,
    `latest_s_demo-4l_0.01_positions`.

    `amount` stands in place of the threshold, or of the number of edges.
    """
    method = () if settings.method == DEFAULT_METHOD else (settings.method,)
    parts = (task, model, *method, amount or settings.amount, *([POSITIONS] if settings.positions else []))
    return "_".join(name_part(part, LONGEST_PART) for part in parts)


def free_folder(parent: Path, task: str, model: str, settings: SearchSettings, amount: str = "") -> Path:
    """A folder name that says what the run is, and that is not taken: `latest_s_demo-4l_0.01`, then `..._2`."""
    return next(path for path in folders_named(parent, task, model, settings, amount) if not os.path.exists(path))


def folders_named(parent: Path, task: str, model: str, settings: SearchSettings, amount: str = "") -> Iterator[Path]:
    """The folders that a run may have, in the order in which they are taken."""
    name = folder_name(task, model, settings, amount)
    yield parent / name
    yield from (parent / f"{name}_{number}" for number in range(2, 10**6))
