"""What a grid is: its runs, and what they are for.

Owns `Grid` and its JSON, so that the same grid can be asked for again. Knows nothing of how runs are executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from acdc_custom.errors import UsageError
from acdc_custom.files.records import from_plain, to_json
from acdc_custom.runs.job import Job

SCHEMA = 1
LONGEST_NAME = 200  # bytes: file systems allow 255, and a run's files need none of them
NOT_IN_NAMES = frozenset('/\\:*?"<>|')


class Kind(StrEnum):
    """What the runs of a grid are for: the command that asked for them, and analyses them."""

    SWEEP = "sweep"
    STABILITY = "stability"


@dataclass(frozen=True)
class Grid:
    """Runs that depend on each other in nothing, or in one way: a run starts from the circuit of an earlier one (see
    `Job.after`). `options` are what the analysis of its kind was asked for, as JSON.

    Raises `UsageError` when there are no runs, or two of one name, or a name that no folder can have, or a run after
    one that does not come before it.
    """

    kind: Kind
    jobs: tuple[Job, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.jobs:
            raise UsageError("there is nothing to run: the grid has no runs.")
        for name, times in Counter(job.name for job in self.jobs).items():
            if times > 1:
                raise UsageError(f'two runs of the grid are called "{name}".')
            bad = NOT_IN_NAMES & set(name) or not name.isprintable() or len(name.encode()) > LONGEST_NAME
            if bad or not name or name.startswith("."):
                raise UsageError(f'"{name}" cannot be the name of a run\'s folder.')
        earlier = {""}
        for job in self.jobs:
            if job.after not in earlier:
                raise UsageError(
                    f'the run "{job.name}" comes after "{job.after}", which is no earlier run of the grid.'
                )
            earlier.add(job.name)

    def to_json(self) -> str:
        """The text of `grid.json`."""
        return to_json(SCHEMA, {"kind": self.kind, "options": self.options, "jobs": self.jobs})

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Self:
        """The inverse. Raises `ValueError`, `TypeError` or `UsageError` saying what is wrong."""
        return from_plain(cls, content)

    def lost_in(self, other: Grid) -> list[str]:
        """What of this grid another one has not, or otherwise, one line each: `threshold_0.01.seed: 0, now 1`.

        Runs that only the other has, and its options, are no loss: it can take over what has been done here.
        """
        lines = _changes("", {"kind": self.kind.value}, {"kind": other.kind.value})
        mine, theirs = ({job.name: _flat(job) for job in grid.jobs} for grid in (self, other))
        if gone := [name for name in mine if name not in theirs]:
            lines.append(f"no longer asked for: {', '.join(gone)}")
        for name in mine:
            lines += _changes(f"{name}.", mine[name], theirs.get(name, mine[name]))
        return lines


def _flat(job: Job) -> dict[str, Any]:
    return {"task": job.task, "model": job.model, "starts after": job.after or "none", **job.settings.flat()}


def _changes(prefix: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [f"{prefix}{key}: {before.get(key)}, now {now.get(key)}" for key in keys]
