"""The progress bar of a search: over all edges, and then, pass after pass, over those that are left.

Shows the time that is left as a `Forecast` has it: edges near the logits are soon decided, and the others take longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

from acdc_custom.circuit.counting import DecidedEdges
from acdc_custom.circuit.decision import Decision
from acdc_custom.graph import Edge
from acdc_custom.progress.display import new_bar
from acdc_custom.search.forecast import Forecast

OnDecision = Callable[[Decision], object]


class SearchBar:
    """Shows how far a search is. Use it as a context; the bar is gone afterwards. `earlier` were decided before."""

    def __init__(
        self, n_edges: int, forecast: Forecast, earlier: Sequence[Decision] = (), what: str = "Deciding edges"
    ) -> None:
        self.counted = DecidedEdges(n_edges)
        self.kept: list[Edge] = []  # at all spans
        self.forecast = forecast
        self.bar = new_bar(n_edges, what, " edges", left=lambda: forecast.seconds, smoothing=0.05)
        for decision in earlier:
            self._count(decision, None)
        self.bar.initial = self.bar.n

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def note(self, decision: Decision) -> None:
        """One more edge has been decided."""
        # The bar redraws itself now and then; only then are new numbers of any use.
        if self._count(decision, time.monotonic()):
            now = "" if decision.metric is None else f"{len(self.kept)} kept, metric {decision.metric:.4f}"
            self.bar.set_postfix_str(now, refresh=False)

    def _count(self, decision: Decision, now: float | None) -> bool | None:
        """Whether the bar was redrawn."""
        edge, passes = decision.edge, self.counted.passes
        is_new = self.counted.note(edge.sender, edge.receiver, decision.kept)
        if self.counted.passes > passes:
            self.bar.total += self.counted.edges
            self.forecast.again(self.kept)
            self.kept = []
            self.bar.set_description_str("Refining", refresh=False)
        self.forecast.note(decision, now)
        if decision.kept:
            self.kept.append(edge)
        redrawn: bool | None = self.bar.update() if is_new else None
        return redrawn


def both(first: OnDecision, second: OnDecision) -> OnDecision:
    """Tells two of every decision."""

    def tell(decision: Decision) -> None:
        first(decision)
        second(decision)

    return tell
