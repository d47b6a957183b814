"""How well a method tells true edges (or nodes) from others, over all its thresholds: the ROC curve and its area.

As the ACDC paper has it (Conmy et al. 2023, arXiv 2304.14997, and the code of its plots): a circuit at each threshold
gives a point; nothing and everything are points too; points that another beats in both rates are left out; and the
area is that under the stairs that go right before they go up, the least that the points allow.
Pure: knows neither models nor graphs.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from acdc_custom.errors import UsageError

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, order=True)
class Rates:
    """What share of the others was found by mistake, and what share of the true ones was found."""

    false_positive: float
    true_positive: float


NOTHING, EVERYTHING = Rates(0.0, 0.0), Rates(1.0, 1.0)


def rates(found: Collection[T], true: Collection[T], every: Collection[T]) -> Rates:
    """Of a set that was found. Raises `UsageError` if there is nothing to find, or nothing but what is true."""
    n_true, n_others = len(true), len(every) - len(true)
    if not n_true or not n_others:
        raise UsageError(f"{n_true} of {len(every)} are true: rates need some that are, and some that are not.")
    n_right = len(frozenset(found) & frozenset(true))
    return Rates((len(found) - n_right) / n_others, n_right / n_true)


def roc_curve(points: Iterable[Rates]) -> tuple[Rates, ...]:
    """From nothing to everything, without points that another beats: fewer mistakes, and more that is true."""
    every = {NOTHING, *points, EVERYTHING}
    return tuple(
        sorted(
            p
            for p in every
            if not any(q.false_positive < p.false_positive and q.true_positive > p.true_positive for q in every)
        )
    )


def auc(curve: Iterable[Rates]) -> float:
    """The area under the stairs of a curve: 1 if all that is true can be had without a mistake."""
    return sum(p.true_positive * (q.false_positive - p.false_positive) for p, q in pairwise(sorted(curve)))


def best_first(scores: Mapping[T, float], lowest: float) -> tuple[tuple[float, frozenset[T]], ...]:
    """What is found at each threshold of a score down to the lowest: what scores as much, or more."""
    levels = sorted({score for score in scores.values() if score >= lowest}, reverse=True)
    return tuple((level, frozenset(item for item, score in scores.items() if score >= level)) for level in levels)
