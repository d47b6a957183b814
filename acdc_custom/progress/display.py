"""Where a progress bar goes: a widget in a notebook, one line in a terminal, else a new line now and then.

Owns the choice, and that a file or a pipe gets whole lines and no frames of a bar. Knows nothing of the work.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, TextIO

QUIET = "ACDC_CUSTOM_QUIET"  # in the environment: no bar at all
PATIENCE = 10.0  # seconds before the first line where nobody watches: of shorter work nothing is said
EVERY = 30.0  # seconds from one line to the next
LINE = "{desc}: {percentage:.0f}%, {n_fmt} of {total_fmt}{unit}, after {elapsed}, {remaining} to go{postfix}"
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


def new_bar(total: int, what: str, unit: str = "it", left: Callable[[], float] | None = None, **options: Any) -> Any:
    """A tqdm bar for so many steps that is gone at the end; `options` are further ones of tqdm's.

    `left` says how many seconds are left, where steps do not take the same time each.
    """
    shared = {"total": total, "desc": what, "unit": unit, "leave": False, **options}
    shared["disable"] = bool(os.environ.get(QUIET))
    if in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without ipywidgets, a bar of text does
            from tqdm.auto import tqdm
        return _telling(tqdm, left, BAR)(**shared)
    from tqdm import tqdm

    if sys.stderr.isatty():
        return _telling(tqdm, left, BAR)(dynamic_ncols=True, **shared)
    shared |= {"unit": unit if unit.startswith(" ") else "", "file": Lines(sys.stderr)}
    often = {"delay": PATIENCE, "mininterval": EVERY, "maxinterval": EVERY, "miniters": 1}
    return _telling(tqdm, left, LINE)(**{"bar_format": LINE, **shared, **often})


def _telling(bar: Any, left: Callable[[], float] | None, layout: str) -> Any:
    """A kind of bar that shows the time left as it is told, in this layout."""
    if left is None:
        return bar

    def numbers(self: Any) -> Any:
        seconds = left()
        text = bar.format_interval(seconds) if seconds else "?"
        return {**bar.format_dict.fget(self), "bar_format": layout.replace("{remaining}", text)}

    return type(bar.__name__, (bar,), {"format_dict": property(numbers)})


def in_notebook() -> bool:
    """Whether this runs in a notebook, whose error output is no terminal and shows bars all the same."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class Lines:
    """A stream for a bar: every frame of it is a line, and what only wipes one out is left away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """See `TextIO.write`."""
        for line in text.replace("\r", "\n").split("\n"):
            if line.strip():
                self._stream.write(line.rstrip() + "\n")
        return len(text)

    def flush(self) -> None:
        """See `TextIO.flush`."""
        self._stream.flush()
