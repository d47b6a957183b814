"""A progress bar for work in several stages, each of which counts its own steps."""

from __future__ import annotations

from typing import Any, Self


class Stages:
    """Call it with what is done, how many steps more are done, and of how many; a new name begins a new bar."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, more: int, total: int) -> None:
        from tqdm import tqdm

        if what != self._what:
            self.__exit__()
            self._what = what
            self._bar = tqdm(total=total, desc=what, dynamic_ncols=True, leave=False)
        self._bar.update(more)
