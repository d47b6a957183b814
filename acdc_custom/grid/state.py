"""How far a run of a grid is, and the news of it that an executor gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How far a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"  # begun, and nobody is at it
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class RunEvent:
    """A run that has begun, ended, or failed; `error` says in a line why."""

    name: str
    state: State
    error: str = ""
