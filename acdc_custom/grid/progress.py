"""How far the runs of a grid are: the states of a run, the events of an executor, and progress read from journals.

Owns the reading of journals as they grow, wherever runs are executed: each time only what is new is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from acdc_custom.circuit.counting import DecidedAtSpans, DecidedEdges
from acdc_custom.errors import ResultError
from acdc_custom.runs.folder import JOURNAL, RunRequest


class State(StrEnum):
    """How far a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"  # begun, and no process is running it
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class RunEvent:
    """A run has begun, stopped, ended, or failed; `error` says in a line why."""

    name: str
    state: State
    error: str = ""


@dataclass(frozen=True)
class RunProgress:
    """One run. `metric` is of the circuit so far; None before the first decision, as are `edges` before the search.

    Of a search in positions, edges are counted at each of its `n_spans`; once for all of them if that is 0, as it is of
    runs that did not write down how many there are.
    """

    name: str
    state: State
    decided: int  # edges, in this pass
    edges: int | None  # that this pass decides
    kept: int
    metric: float | None
    in_positions: bool = False
    n_spans: int = 0

    @property
    def fraction(self) -> float:
        """Of the edges, how many are decided: 0 to 1."""
        if self.state is State.DONE:
            return 1.0
        return self.decided / self.edges if self.edges else 0.0


@dataclass(frozen=True)
class GridProgress:
    """All runs of a grid, in its order."""

    runs: tuple[RunProgress, ...]

    def count(self, state: State) -> int:
        """How many runs are in this state."""
        return sum(run.state is state for run in self.runs)

    @property
    def completed(self) -> float:
        """How many runs are completed, those that are running counted in part; a run that failed is."""
        return sum(1.0 if run.state is State.FAILED else run.fraction for run in self.runs)


class ProgressReader:
    """Reads the progress of the runs of a grid, again and again."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._journals = {name: _Journal(folder / name) for name in names}

    def read(self, states: Mapping[str, State]) -> GridProgress:
        """How far everything is now; `states` by name, of all runs."""
        return GridProgress(tuple(self._read_run(name, state) for name, state in states.items()))

    def _read_run(self, name: str, state: State) -> RunProgress:
        journal = self._journals[name]
        if state is not State.DONE or not journal.is_whole:  # else nothing more is to come
            journal.read()
            journal.is_whole = state is State.DONE
        counted = journal.counted
        at = (journal.in_positions, counted.n_spans if isinstance(counted, DecidedAtSpans) else 0)
        return RunProgress(name, state, counted.decided, counted.edges, counted.kept, journal.metric, *at)


@dataclass
class _Journal:
    """What has been read of a run's journal. After a pass over all edges, the next one decides those that were kept."""

    folder: Path
    metric: float | None = None
    is_whole: bool = False
    in_positions: bool = False
    counted: DecidedEdges | DecidedAtSpans = field(default_factory=lambda: DecidedEdges(None), repr=False)
    _read: int = field(default=0, repr=False)  # bytes

    def read(self) -> None:
        """Read what has been added. A journal that has become shorter was cut by a run that resumed: begin again."""
        path = self.folder / JOURNAL
        try:
            if path.stat().st_size < self._read:
                self.counted, self._read = DecidedEdges(None), 0
            with path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except OSError:  # not begun yet
            return
        rows = new[: new.rfind(b"\n") + 1].splitlines()
        self._read += sum(len(row) + 1 for row in rows)
        if self.counted.edges is None:
            with suppress(ResultError):
                self._begin(RunRequest.load(self.folder))
        for row in rows:
            sender, _, rest = row.partition(b', "receiver": ')
            receiver, kept = rest.partition(b", ")[0], b'"kept": true' in row
            if isinstance(self.counted, DecidedAtSpans):
                self.counted.note(sender, receiver, rest.partition(b', "span": ')[2], kept)
            else:
                self.counted.note(sender, receiver, kept)
        if rows:
            with suppress(ValueError, AttributeError):  # damaged: whoever resumes the run says so
                self.metric = _metric(json.loads(rows[-1]))

    def _begin(self, request: RunRequest) -> None:
        """It is known what is to be decided."""
        self.in_positions = request.provenance.settings.positions
        if request.n_spans and not self.counted.decided:
            self.counted = DecidedAtSpans(request.edges_at_spans, request.n_spans)
        else:
            self.counted.edges = request.edges


def _metric(row: Any) -> float | None:
    value = row.get("metric")
    return value if isinstance(value, float) else None
