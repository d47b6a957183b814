"""The commands that go with a circuit: the one that finds it again, and those that find out more about it.

Owns the translation from settings back to options.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from acdc_custom.choices import DEFAULT_METHOD
from acdc_custom.circuit.settings import SearchSettings

OF_BOTH = ("threshold", "positions", "metric", "ablation", "knock_out", "corruption", "n", "seed", "device", "dtype")
OF_DISCOVER = (*OF_BOTH, "held_out", "templates", "resample", "order", "order_seed", "start", "refine")
OF_SCORING = ("method", "edges", "ranking", "steps")


def command(task: str, model: str, settings: SearchSettings) -> str:
    """`acdc-custom discover --task ...` with every setting written out, for a POSIX shell."""
    return _typed("discover", task, model, settings, OF_DISCOVER)


def stability_command(task: str, model: str, settings: SearchSettings) -> str:
    """`acdc-custom stability --task ...` with the same settings, but for those that it varies."""
    return _typed("stability", task, model, settings, OF_BOTH)


def evaluate_command(folder: str) -> str:
    """`acdc-custom evaluate FOLDER`."""
    return shlex.join(["acdc-custom", "evaluate", *(["--"] if folder.startswith("-") else []), folder])


def _typed(name: str, task: str, model: str, settings: SearchSettings, which: Sequence[str]) -> str:
    flat = settings.flat()
    which = which if settings.method == DEFAULT_METHOD else (*which, *OF_SCORING)
    if settings.threshold is not None:
        flat["threshold"] = repr(settings.threshold)
    options = {"task": task, "model": model, **{name.replace("_", "-"): flat[name] for name in which}}
    words = ["acdc-custom", name]
    for option, value in options.items():
        if str(value).startswith("-"):  # it would be taken for an option
            words.append(shlex.quote(f"--{option}={value}"))
        elif value is True:
            words.append(f"--{option}")
        elif value not in ("", None, False):
            words += [f"--{option}", shlex.quote(str(value))]
    return " ".join(words)
