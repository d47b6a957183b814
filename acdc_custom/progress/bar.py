"""The progress bar: one stage after the other, on the standard error stream."""

from __future__ import annotations

from typing import Any, Self

from acdc_custom.progress.display import new_bar


class ProgressBar:
    """A `Progress` that is shown. Use it as a context; the bar is gone afterwards.

    `before` stands before every stage's words, `unit` behind the numbers of steps.
    """

    def __init__(self, before: str = "", unit: str = "it") -> None:
        self._before, self._unit = before, unit
        self._what = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, more: int, total: int) -> None:
        """See `Progress`; a new name begins a new bar."""
        if what != self._what or self._bar.total != total:
            self.__exit__()
            self._what = what
            self._bar = new_bar(total, self._before + what, self._unit)
        self._bar.update(more)
