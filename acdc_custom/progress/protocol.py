"""What long work reports to.

Owns the one convention: whoever does the work says what it is doing, how many steps more are done, and of how many; the
caller shows it, or does not. A stage begins with no step done. Within a stage, a function that knows nothing of the
whole reports its steps one by one, to an `OnStep`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

OnStep = Callable[[], object]  # one step more is done


class Progress(Protocol):
    """Reports progress to somebody."""

    def __call__(self, what: str, more: int, total: int) -> object:
        """`what` is a few words, the same until the next stage begins; `more` steps of `total` have been done since
        the last call."""
        ...


def silent(what: str, more: int, total: int) -> None:
    """Report to nobody."""


def no_step() -> None:
    """Report a step to nobody."""


def steps(progress: Progress, what: str, total: int) -> OnStep:
    """For work that reports its steps one by one: a stage of so many."""
    progress(what, 0, total)
    return lambda: progress(what, 1, total)
