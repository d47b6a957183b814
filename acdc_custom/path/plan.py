"""Which search comes next on a path, given what the earlier ones have found.

Owns the two kinds of path. One has all its thresholds from the start, and goes up from the smallest. The other is
for a faithfulness: it goes down, each time from the full model, until a circuit is faithful enough on the validation
prompts, and up again from there, as long as the circuits are. Knows nothing of how searches are run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from acdc_custom.circuit.circuit import TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError

DEFAULT_COUNT = 10  # thresholds of a range
DOWN = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)  # in the metric's unit
UP = (1.25, 1.6, 2.0, 2.6)  # times the threshold that was reached; three times as much was not enough


@dataclass(frozen=True)
class Step:
    """A search: at a threshold, from the circuit of an earlier step, or from the full model where there is no name."""

    threshold: float
    start: str

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.threshold:g}"


@dataclass(frozen=True)
class Point(Step):
    """A step, and what it has found. The circuit is in the folder of its name."""

    edges: int
    evaluations: int
    seconds: float
    kl: float  # on the prompts of the search
    search_faithfulness: float
    validation: TestOutcome | None  # None: no prompts were held out

    @property
    def reached(self) -> float:
        """The faithfulness on the validation prompts; minus infinity where it is not defined."""
        its = self.validation.faithfulness if self.validation else None
        return float("-inf") if its is None else its.value


@dataclass(frozen=True)
class PathRequest:
    """What was asked for: `task` and `model` as the user gave them, the settings of all searches, and either all
    thresholds, smallest first, or a faithfulness. Raises `UsageError` for what cannot be."""

    task: str
    model: str
    settings: SearchSettings
    thresholds: tuple[float, ...] = ()
    faithfulness: float | None = None
    roles: bool | None = None  # of the chosen circuit: as in a run

    def __post_init__(self) -> None:
        if self.faithfulness is not None and not 0 < self.faithfulness <= 1:
            raise UsageError(f"--faithfulness is {self.faithfulness:g}: it must be over 0 and at most 1, such as 0.9.")
        if self.faithfulness is not None and self.settings.prompts.held_out < 2:
            raise UsageError("--faithfulness needs prompts to choose by: leave --held-out 0 away.")

    def next_step(self, found: Sequence[Point]) -> Step | None:
        """The search after these; None: all is done."""
        if self.faithfulness is None:
            return self._next_of_all(found)
        return self._next_up(found) if self._enough(found) else self._next_down(found)

    def _next_of_all(self, found: Sequence[Point]) -> Step | None:
        if len(found) == len(self.thresholds) or (found and not found[-1].edges):
            return None
        return Step(self.thresholds[len(found)], found[-1].name if found else self.settings.start)

    def _enough(self, found: Sequence[Point]) -> list[Point]:
        return [point for point in found if point.reached >= (self.faithfulness or 0)]

    def _next_down(self, found: Sequence[Point]) -> Step | None:
        return Step(DOWN[len(found)], self.settings.start) if len(found) < len(DOWN) else None

    def _next_up(self, found: Sequence[Point]) -> Step | None:
        first = self._enough(found)[0]
        up = found[found.index(first) :]
        if up[-1].reached < (self.faithfulness or 0) or len(up) > len(UP) or first.threshold == DOWN[0]:
            return None
        return Step(float(f"{first.threshold * UP[len(up) - 1]:.2g}"), up[-1].name)

    def chosen(self, found: Sequence[Point]) -> Point | None:
        """The smallest circuit that is faithful enough; if none is, the one that comes nearest. None: no such wish."""
        if self.faithfulness is None:
            return None
        enough = self._enough(found)
        return min(enough, key=lambda point: point.edges) if enough else max(found, key=lambda point: point.reached)
