"""The commands that go with a page: the one that finds its circuit again, and those that find out more about it.

Owns the translation from settings back to options.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from acdc_custom.circuit.provenance import Settings


def command(task: str, model: str, settings: Settings) -> str:
    """`acdc-custom discover --task ...` with every setting written out, for a POSIX shell."""
    own = {
        "templates": settings.templates,
        "resample": settings.resample,
        "order": settings.order,
        "order-seed": settings.order_seed,
    }
    return _typed("discover", {**_shared(task, model, settings), **own})


def stability_command(task: str, model: str, settings: Settings) -> str:
    """`acdc-custom stability --task ...` with the same settings, but for those that it varies."""
    return _typed("stability", _shared(task, model, settings))


def evaluate_command(folder: str) -> str:
    """`acdc-custom evaluate FOLDER`."""
    return shlex.join(["acdc-custom", "evaluate", *(["--"] if folder.startswith("-") else []), folder])


def _shared(task: str, model: str, settings: Settings) -> dict[str, object]:
    return {
        "task": task,
        "model": model,
        "threshold": repr(settings.threshold),
        "metric": settings.metric,
        "ablation": settings.ablation,
        "knock-out": settings.knock_out,
        "corruption": settings.corruption,
        "n": settings.n,
        "seed": settings.seed,
        "device": settings.device,
        "dtype": settings.dtype,
    }


def _typed(name: str, options: Mapping[str, object]) -> str:
    words = ["acdc-custom", name]
    for option, value in options.items():
        if str(value).startswith("-"):  # it would be taken for an option
            words.append(shlex.quote(f"--{option}={value}"))
        elif value not in ("", None):
            words += [f"--{option}", shlex.quote(str(value))]
    return " ".join(words)
