"""How the making of a report tells what it is doing. The caller shows it, or does not."""

from __future__ import annotations

from typing import Protocol


class OnStep(Protocol):
    """Told what is being done, and how much of it is done."""

    def __call__(self, what: str, done: int = 0, total: int = 1) -> None:
        """`what` is a few words, the same until the next step begins."""


def silent(what: str, done: int = 0, total: int = 1) -> None:
    """Tell nobody."""
