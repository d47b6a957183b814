"""Every error that this package raises on purpose.

    AcdcError                exit code 1: the work could not be done
    ├── UsageError           exit code 2: something that was asked for cannot be right
    │   ├── TaskError        a task file, or the data that it names
    │   └── NoRoom           it does not fit in the memory that is allowed
    ├── ModelError           a model that cannot be found, loaded or trusted
    ├── ProblemsFound        a task that was checked, and has problems
    ├── SearchError          a search that cannot go on
    └── ResultError          a result file or folder that cannot be read or written

Messages are for people: what was given, what is allowed, what to do. The command line prints them
as one line; nothing here knows about the command line beyond the exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class AcdcError(Exception):
    """The base of all our errors."""

    exit_code = 1


class UsageError(AcdcError):
    """An option, a name or a value that is not allowed."""

    exit_code = 2


class TaskError(UsageError):
    """A task file, or the rows that it names, cannot be used.

    `what` is wrong, and `example` is a line that would be right, where there is one. `more` are the other errors that
    were found in the same file: the message says how many.
    """

    def __init__(self, what: str, example: str = "", more: Sequence[TaskError] = ()) -> None:
        self.what, self.example, self.more = what, example, tuple(more)
        message = what + (f" (example: {example})" if example else "")
        if more:
            message = f"{message.removesuffix('.')}. In this file: {count(len(more), 'more problem')}."
        super().__init__(message)


class NoRoom(UsageError):
    """What was asked for does not fit in memory. `what` says how much is missing; the advice depends on who asked."""

    def __init__(self, what: str, advice: str) -> None:
        self.what = what
        super().__init__(f"{what} {advice}")


class ModelError(AcdcError):
    """A model cannot be found, loaded, or trusted to compute what its own code computes."""


class ProblemsFound(AcdcError):
    """A task was checked, and problems were found; they have been told."""


class SearchError(AcdcError):
    """A search cannot go on."""


class ResultError(AcdcError):
    """A result file or folder cannot be read or written."""


def count(number: int, noun: str) -> str:
    """`1 prompt`, `3 prompts`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """`40 s`, `7 minutes`."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """` Did you mean "ioi"?` when some allowed name is close to the given one, else an empty string."""
    close = difflib.get_close_matches(given, list(allowed), n=1, cutoff=0.5)
    return f' Did you mean "{close[0]}"?' if close else ""
