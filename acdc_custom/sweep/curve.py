"""Circuits of several sizes on the same prompts, and how much of the model each of them is.

Owns the curve of one method and what is read off it: the areas of MIB, CPR and CMD (Mueller et al. 2025, arXiv
2504.13151), the front of circuits that no other one beats, and its knee. Everything follows from the points; knows
nothing of how circuits are found, run or drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from acdc_custom.circuit.circuit import TaskPerformance, TestOutcome
from acdc_custom.files.records import FloatOrNan, seldom
from acdc_custom.stats.intervals import Estimate

# Of a graph's edges: where MIB measures.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class OnTest:
    """What a circuit does on prompts that no search has seen: KL in nats, logit difference in logits, and the share of
    it that is recovered, with its 95 % interval; None: it is not defined."""

    kl: float
    logit_diff: float
    faithfulness: Estimate | None

    @classmethod
    def of(cls, outcome: TestOutcome) -> Self:
        """Of a circuit's test."""
        return cls(outcome.circuit.kl, outcome.circuit.logit_diff, outcome.faithfulness)


@dataclass(frozen=True)
class Point:
    """A circuit on the curve. `test` None: it was not tested, or no prompts were held out."""

    n_edges: int
    kl: float  # nats, from the full model
    logit_diff: float  # logits
    # Of the logit difference between no edges (0) and all edges (1): MIB's normalised faithfulness. nan: there is none.
    faithfulness: FloatOrNan
    threshold: float | None = None  # of the search that found it; None: made of the edges that are ranked first
    folder: str = ""  # of its run, within the sweep's; "": it has none
    test: OnTest | None = seldom(None)  # noqa: RUF009 - it makes a field


def end_points(full: TaskPerformance, empty: TaskPerformance, n_edges: int) -> tuple[Point, Point]:
    """The circuits without and with all edges of a graph, from what the model and the empty circuit do."""
    gap = full.logit_diff - empty.logit_diff
    none, everything = (0.0, 1.0) if gap else (math.nan, math.nan)
    return Point(0, empty.kl, empty.logit_diff, none), Point(n_edges, full.kl, full.logit_diff, everything)


@dataclass(frozen=True)
class Curve:
    """What one method finds. `points` are ordered by size; `empty` and `full` are the circuits without and with all."""

    method: str  # its name
    empty: Point
    full: Point
    points: tuple[Point, ...]

    def at(self, share: float) -> Point:
        """The largest circuit that has at most this share of all edges; the better one of two that are as large.

        As MIB takes circuits that are given one by one: the number of edges is rounded down, and without any circuit
        that is small enough it is the empty one.
        """
        most = int(share * self.full.n_edges)
        allowed = [point for point in (self.empty, *self.points, self.full) if point.n_edges <= most]
        return max(allowed, key=lambda point: (point.n_edges, -point.kl))

    @property
    def cpr(self) -> float:
        """The circuit performance ratio: the area under what is recovered. 0.999 is that of the full model throughout,
        more is a curve that overshoots it; nan where nothing is there to be recovered."""
        return self._area(lambda recovered: recovered)

    @property
    def cmd(self) -> float:
        """The circuit-model distance: the area between what is recovered and all of it. 0 is best."""
        return self._area(lambda recovered: abs(1 - recovered))

    def _area(self, height: Callable[[float], float]) -> float:
        """By trapezoids over the share of edges, not its logarithm."""
        heights = [height(self.at(share).faithfulness) for share in SHARES]
        steps = zip(pairwise(SHARES), pairwise(heights), strict=True)
        return sum((end - start) * (first + last) / 2 for (start, end), (first, last) in steps)

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that no other one beats: with at most as many edges, and a KL that is as low or lower."""
        return front(self.points, lambda point: point.kl)


def front(points: Iterable[Point], loss: Callable[[Point], float]) -> tuple[Point, ...]:
    """The Pareto front of edges against a loss, fewest edges first; of points that are alike, the first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.n_edges, loss(point))):
        if not best or loss(point) < loss(best[-1]):
            best.append(point)
    return tuple(best)


def knee(points: Iterable[Point]) -> Point | None:
    """Where KL against the logarithm of the edges bends most: the point furthest under the line between the ends, both
    axes scaled to 1 (Satopaa et al. 2011, "Finding a kneedle in a haystack"). None: nothing bends.

    `points` are a front, fewest edges first.
    """
    curve = [(math.log(point.n_edges), point) for point in points if point.n_edges]
    if len(curve) < 3:
        return None
    (left, most), (right, least) = curve[0], curve[-1]

    def under(x: float, point: Point) -> float:
        return 1 - (x - left) / (right - left) - (point.kl - least.kl) / (most.kl - least.kl)

    depth, _, point = max((under(x, point), -point.n_edges, point) for x, point in curve)
    return point if depth > 1e-9 else None
