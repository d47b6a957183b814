"""How often a neuron's activation is how large: a histogram that grows with what it is given.

Owns the bins. They are as wide as a power of two, and just wide enough for the values so far to lie in `MOST_BINS` of
them: so the histogram is the same in whatever order, and in however many parts, the values come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_BINS = 48
FINEST = 2.0**-20


@dataclass(frozen=True)
class Histogram:
    """Bin i holds the values from `(first + i) * width` up to, and without, the next one's."""

    width: float = FINEST
    first: int = 0
    counts: tuple[int, ...] = ()

    def with_values(self, values: np.ndarray) -> Histogram:
        """The histogram with so many values more."""
        if not values.size:
            return self
        bins = [self.first, self.first + len(self.counts) - 1] if self.counts else []
        wide, width = list(bins), self.width
        ends = [float(values.min()), float(values.max())]
        while True:
            reached = [*wide, *(int(np.floor(end / width)) for end in ends)]
            low, high = min(reached), max(reached)
            if high - low < MOST_BINS:
                break
            width, wide = width * 2, [place // 2 for place in wide]
        counts = np.zeros(high - low + 1, dtype=np.int64)
        scale = round(width / self.width)
        for place, number in enumerate(self.counts, self.first):
            counts[place // scale - low] += number
        counts += np.bincount(np.floor(values / width).astype(np.int64) - low, minlength=len(counts))
        return Histogram(width, low, tuple(counts.tolist()))
