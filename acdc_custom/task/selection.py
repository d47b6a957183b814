"""Which prompts of a task are asked for.

Owns `PromptSelection`, and what cannot be one. Knows nothing of how prompts are made.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.choices import checked_seed
from acdc_custom.errors import UsageError

MOST_PROMPTS = 100_000  # making more would take minutes, and no machine could search them


@dataclass(frozen=True)
class PromptSelection:
    """Which of a task's prompts make a batch. Raises `UsageError` for what cannot be.

    `n` None: 50, or as many as there are. The same seed gives the same prompts. `corruption` None is the task's own.
    `templates` are the numbers of those to use, counted from 0, as in "0,2"; "" for all. `resample` is the seed of a
    bootstrap draw: the n prompts, drawn anew with replacement; None: they are not.
    """

    n: int | None = None
    seed: int = 0
    corruption: str | None = None
    templates: str = ""
    resample: int | None = None

    def __post_init__(self) -> None:
        checked_number(self.n)
        checked_seed(self.seed)
        if self.resample is not None:
            checked_seed(self.resample)


def checked_number(n: int | None) -> int | None:
    """The number of prompts, if it can be one. Raises `UsageError`."""
    if n is not None and n < 1:
        raise UsageError(f"the number of prompts has to be 1 or more, not {n}")
    if n is not None and n > MOST_PROMPTS:
        raise UsageError(f"{n} prompts were asked for: at most {MOST_PROMPTS} can be made")
    return n
