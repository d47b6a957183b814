"""The command that finds a circuit again, written out from what the run recorded.

Owns the translation from settings back to options.
"""

from __future__ import annotations

import shlex

from acdc_custom.provenance import Settings


def command(task: str, model: str, settings: Settings) -> str:
    """`acdc-custom discover --task ...` with every setting written out, for a POSIX shell."""
    options: dict[str, object] = {
        "task": task,
        "model": model,
        "threshold": repr(settings.threshold),
        "metric": settings.metric,
        "ablation": settings.ablation,
        "knock-out": settings.knock_out,
        "corruption": settings.corruption,
        "n": settings.n,
        "seed": settings.seed,
        "templates": settings.templates,
        "resample": settings.resample,
        "order": settings.order,
        "order-seed": settings.order_seed,
        "device": settings.device,
        "dtype": settings.dtype,
    }
    words = ["acdc-custom", "discover"]
    for name, value in options.items():
        if str(value).startswith("-"):  # it would be taken for an option
            words.append(shlex.quote(f"--{name}={value}"))
        elif value not in ("", None):
            words += [f"--{name}", shlex.quote(str(value))]
    return " ".join(words)
