"""How the making of a report tells what it is doing. The caller shows it, or does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol


class OnStep(Protocol):
    """Told what is being done, and how much of it is done."""

    def __call__(self, what: str, done: int = 0, total: int = 1) -> None:
        """`what` is a few words, the same until the next step begins."""


def silent(what: str, done: int = 0, total: int = 1) -> None:
    """Tell nobody."""


def counted(on_step: OnStep) -> Callable[[str, int, int], None]:
    """For work that tells how many more steps are done: the same, told how many are done in all."""
    done: Counter[str] = Counter()

    def on_progress(what: str, more: int, total: int) -> None:
        done[what] += more
        on_step(what[:1].lower() + what[1:], done[what], total)

    return on_progress
