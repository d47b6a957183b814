"""Which prompts of a task are asked for.

Owns `PromptSelection`, what cannot be one, and how prompts are divided into draws. Knows nothing of how they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from acdc_custom.choices import check_kinds, checked_seed
from acdc_custom.errors import UsageError

DEFAULT_N = 100
DEFAULT_HELD_OUT = 100
FEWEST_TO_DIVIDE = 40  # prompts: of fewer, all are searched, unless a number is asked for
MOST_PROMPTS = 100_000  # making more would take minutes, and no machine could search them


@dataclass(frozen=True)
class PromptSelection:
    """Which of a task's prompts make a batch. Raises `UsageError` for what cannot be.

    `n` None: 100, or half of them if there are too few to hold out others. Of those that are left, up to `held_out`
    each are for validation and for the test: see `Draw`. The same seed gives the same prompts. `corruption` None is the
    task's own. `templates` are the numbers of those to use, counted from 0, as in "0,2"; "" for all. `resample` is the
    seed of a bootstrap draw: the n prompts, drawn anew with replacement; None: they are not.
    """

    n: int | None = None
    seed: int = 0
    corruption: str | None = None
    templates: str = ""
    resample: int | None = None
    held_out: int = DEFAULT_HELD_OUT

    def __post_init__(self) -> None:
        check_kinds(self)
        checked_number(self.n)
        checked_seed(self.seed)
        if not 0 <= self.held_out <= MOST_PROMPTS:
            raise UsageError(f"{self.held_out} prompts were asked to be held out: it must be 0 to {MOST_PROMPTS}.")
        if self.resample is not None:
            checked_seed(self.resample)


class Draw(Enum):
    """What a prompt is for. No prompt is in two draws."""

    SEARCH = 0  # the circuit is found on these
    VALIDATION = 1  # these choose among circuits
    TEST = 2  # these are looked at once, and say what the circuit is worth

    def of(self, division: tuple[int, int]) -> slice:
        """Which prompts, in their order, are of this draw, when so many are searched and so many held out twice."""
        n, held_out = division
        ends = (0, n, n + held_out, n + 2 * held_out)
        return slice(ends[self.value], ends[self.value + 1])


def divide(available: int, n: int | None, most: int, held_out: int) -> tuple[int, int]:
    """How many prompts of these are searched, and how many each are for validation and for the test."""
    if n is None:
        n = min(most, available)
        if held_out and available >= FEWEST_TO_DIVIDE:
            n = min(most, max(available - 2 * held_out, available // 2))
    return n, min(held_out, max(0, available - n) // 2)


def checked_number(n: int | None) -> int | None:
    """The number of prompts, if it can be one. Raises `UsageError`."""
    if n is not None and n < 1:
        raise UsageError(f"the number of prompts has to be 1 or more, not {n}")
    if n is not None and n > MOST_PROMPTS:
        raise UsageError(f"{n} prompts were asked for: at most {MOST_PROMPTS} can be made")
    return n
