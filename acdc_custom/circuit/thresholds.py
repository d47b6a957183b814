"""Several thresholds, as people write them: a list or a range."""

from __future__ import annotations

import math

from acdc_custom.choices import checked_threshold
from acdc_custom.errors import UsageError

MOST = 1000  # of a range


def listed(text: str) -> tuple[float, ...]:
    """`0.1,0.03,0.01`: these thresholds, each once. Raises `UsageError`."""
    try:
        return tuple(dict.fromkeys(checked_threshold(float(part)) for part in text.split(",")))
    except ValueError:
        raise UsageError(
            f'"{text}" is neither a list of thresholds, such as 0.1,0.03,0.01, nor a range, such as 0.001..0.1.'
        ) from None


def spread(text: str, count: int) -> tuple[float, ...]:
    """`0.001..0.1`: so many thresholds at equal ratios, both ends among them, to three digits. Raises `UsageError`."""
    first, dots, last = text.partition("..")
    try:
        low, high = checked_threshold(float(first)), checked_threshold(float(last))
    except ValueError:
        dots = ""
    if not dots or not 0 < low < high:
        raise UsageError(
            f'"{text}" is no range of thresholds: give two positive numbers, the smaller first: 0.001..0.1.'
        )
    if not 2 <= count <= MOST:
        raise UsageError(f"{count} thresholds were asked for: a range has 2 to {MOST}.")
    ratio = math.log(high / low) / (count - 1)
    return tuple(dict.fromkeys(float(f"{low * math.exp(ratio * step):.3g}") for step in range(count)))


def read(text: str, count: int) -> tuple[float, ...]:
    """A list, or a range of so many. Raises `UsageError`."""
    return spread(text, count) if ".." in text else listed(text)
