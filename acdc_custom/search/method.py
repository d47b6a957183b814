"""What a search method is: how it is called, what its numbers mean, and a function from a prepared batch.

Owns the two kinds of method, and what each asks of the settings. A deciding method visits every edge and keeps or
removes it, against a threshold. A scoring method gives every edge a number; the circuit is made of the edges that come
first. Knows no method by name, and imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from acdc_custom.choices import DEFAULT_THRESHOLD, Ranking
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, Graph
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.progress.protocol import OnStep, no_step

if TYPE_CHECKING:
    from acdc_custom.engine.caches import Caches
    from acdc_custom.engine.metrics import Objective

Batch = Sequence[tuple["Caches", "Objective"]]  # of every chunk of the prompts, in order


class Decider(Protocol):
    """A search that decides edge after edge. After each decision its numbers are up to date."""

    metric_before: float  # of the full model
    metric: float  # of the circuit so far
    evaluations: int

    @property
    def finished(self) -> bool:
        """Whether every edge has been decided."""
        ...

    def decisions(self) -> Iterator[Decision]:
        """Decide every edge that is left, in order. Raises `SearchError` when the metric is not a number."""
        ...

    def replay(self, decisions: Sequence[Decision]) -> int:
        """Take over decisions of an interrupted search, as far as it can be resumed from; gives their number."""
        ...

    @property
    def seconds(self) -> Mapping[str, float]:
        """Where the time went, by stage."""
        ...


@dataclass(frozen=True)
class DecidingMethod:
    """Decides every edge by a threshold, which is in the metric's unit.

    `start` begins a search of a batch with the threshold, window and order of the settings; a window takes at most as
    many bytes as its third argument says. Then come a hint of how much each edge matters, and the edges to decide, None
    for all; if not all, the batch is inside the circuit of these edges. The search visits receiver after receiver, in
    the order of the settings: an interrupted one is resumed from whole receivers. `hint` makes the hint from the full
    model, `hint_in_positions` one for every edge at every span.

    What time it takes is told from these: a hint takes `hint_passes` with a gradient, a live receiver of so many edges
    about so many `evaluations`, and a window holds about so many of them `at_once`; None: as many as are worth it.
    `quicker` is the name of a method to try in its place where it takes long.
    """

    name: str  # as it is typed
    title: str  # as it is printed
    about: str  # one sentence, without its full stop
    source: str
    start: Callable[[Batch, SearchSettings, int, Mapping[Edge, float], Collection[Edge] | None], Decider]
    hint: Callable[[Sequence[Caches]], Mapping[Edge, float]] = lambda chunks: {}
    hint_in_positions: Callable[[Sequence[Caches]], Mapping[Edge, float]] = lambda chunks: {}
    hint_passes: int = 0
    evaluations: Callable[[int], float] = float
    at_once: int | None = None
    quicker: str = ""

    def completed(self, settings: SearchSettings) -> SearchSettings:
        """The settings with this method's defaults. Raises `UsageError` for what it has no use for."""
        if settings.edges is not None:
            raise UsageError(
                f"--edges {settings.edges} is for methods that score edges, and {self.name} decides them by "
                "--threshold. Leave --edges out, or name such a method with --method."
            )
        _refuse_steps(self.name, settings)
        return settings if settings.threshold is not None else replace(settings, threshold=DEFAULT_THRESHOLD)


@dataclass(frozen=True)
class ToScore:
    """What a method is to score the edges on: some prompts at a time, all in order.

    `earlier` has what an interrupted search scored, which need not be scored again. `window` fixes the number of
    candidates evaluated at once, by methods that evaluate any; a window takes `window_bytes` at most. `steps` is at
    how many points gradients are taken, by methods that integrate them. `on_step` is called after each step. In
    `positions`, an edge is scored at each span by itself.
    """

    chunks: Sequence[Caches]
    earlier: Mapping[Edge, float] = field(default_factory=dict)
    window: int | None = None
    window_bytes: int = WINDOW_BYTES
    steps: int = 1
    on_step: OnStep = no_step
    positions: bool = False

    @property
    def spans(self) -> Sequence[str]:
        """At which an edge is scored: "" is all of them at once."""
        return self.chunks[0].spans.names if self.positions else ("",)

    @property
    def graph(self) -> Graph:
        """Whose edges these are."""
        graph: Graph = self.chunks[0].model.graph
        return graph


@dataclass(frozen=True)
class ScoringMethod:
    """Scores every edge; `unit` is that of the scores, and a positive score is of an edge that helps.

    `score` yields edges with their scores, in `n_steps` steps. `each_edge` says that a step is an evaluation of one
    edge: there are as many as edges, and an interrupted search can be resumed from those that it has scored. A method
    that integrates gradients takes `n_steps` at each of `points` points, unless `--steps` says how many.
    """

    name: str  # as it is typed
    title: str  # as it is printed
    about: str  # one sentence, without its full stop
    source: str
    unit: str
    score: Callable[[ToScore], Iterator[tuple[Edge, float]]]
    n_steps: Callable[[Sequence[Caches]], int]
    each_edge: bool = False
    points: int | None = None

    def completed(self, settings: SearchSettings) -> SearchSettings:
        """The settings, checked. Raises `UsageError` for what is missing, or what it has no use for."""
        if settings.threshold is not None:
            raise UsageError(
                f"--threshold {settings.threshold:g} is for methods that decide edges, and {self.name} scores them: "
                "give the size of the circuit with --edges, such as --edges 200."
            )
        if settings.start or settings.refine:
            option = "--start" if settings.start else "--refine"
            raise UsageError(f"{option} is for methods that decide edges, and {self.name} scores them. Leave it out.")
        if settings.edges is None:
            raise UsageError(f"{self.name} scores edges: give the size of the circuit with --edges, such as 200.")
        if self.points is None:
            _refuse_steps(self.name, settings)
        return settings if settings.steps else replace(settings, steps=self.points)

    def total_steps(self, chunks: Sequence[Caches], steps: int | None = None, positions: bool = False) -> int:
        """How many steps `score` takes, at so many points; None: at as many as usual."""
        if self.each_edge and positions:
            graph: Graph = chunks[0].model.graph
            return graph.n_edges_in(len(chunks[0].spans.names))
        return self.n_steps(chunks) * (steps or self.points or 1)

    def scores(self, chunks: Sequence[Caches], on_step: OnStep = no_step, positions: bool = False) -> dict[Edge, float]:
        """The score of every edge, at as many points as usual; in `positions`, of every edge at every span."""
        return dict(self.score(ToScore(chunks, steps=self.points or 1, on_step=on_step, positions=positions)))


SearchMethod = DecidingMethod | ScoringMethod


def _refuse_steps(name: str, settings: SearchSettings) -> None:
    if settings.steps is not None:
        raise UsageError(
            f"--steps {settings.steps} is for methods that integrate gradients, and {name} does not. Leave --steps "
            "out, or name such a method with --method, such as eap-ig."
        )


def top_edges(scores: Mapping[Edge, float], n: int, ranking: Ranking = Ranking.SIGNED) -> list[Edge]:
    """The `n` edges that come first, all if there are fewer; equal scores stay in their order.

    MIB ranks by the signed score for CPR and by the absolute one for CMD (arXiv 2504.13151).
    """
    if ranking is Ranking.SIGNED:
        return sorted(scores, key=lambda edge: -scores[edge])[:n]
    return sorted(scores, key=lambda edge: -abs(scores[edge]))[:n]
