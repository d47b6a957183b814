"""Amounts of memory: as people write them, and what a search may take. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from acdc_custom.errors import UsageError

GIB = 2**30
WINDOW_BYTES = GIB  # that a window takes at most, however much there is: larger ones are no faster on a CPU
GPU_WINDOW_BYTES = 8 * GIB  # the same on a GPU
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class MemoryPlan:
    """What a search may take. Bytes on the device, the model's own included; on a CPU, of the whole process."""

    limit: int
    peak: int  # at most
    chunk: int  # prompts at a time
    window_bytes: int


def parse_bytes(text: str) -> int:
    """`8GiB`, `8G`, `500M`, `1.5G`: units of 1,024. Raises `UsageError`."""
    found = re.fullmatch(r"(\d{1,20}(?:\.\d{1,20})?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    number = float(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not 1 <= number < 2**63:
        raise UsageError(f'"{text}" is no amount of memory. Give one such as 8GiB or 500M.')
    return int(number)


def text_of_bytes(n: int) -> str:
    """`3.4 GiB`, `210 MiB`."""
    return f"{n / GIB:.1f} GiB" if n >= GIB else f"{max(1, round(n / 2**20))} MiB"
