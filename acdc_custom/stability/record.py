"""All that was found out about how stable a circuit is.

Owns the record and how it is put together from finished runs. Imports no torch: what runs a set of edges is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from acdc_custom.choices import Variation
from acdc_custom.circuit.circuit import Circuit, Span, TaskPerformance, normalised_faithfulness
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.circuit.provenance import Provenance
from acdc_custom.circuit.spans import spans_of_all
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, GraphShape
from acdc_custom.progress.protocol import OnStep, no_step
from acdc_custom.stability.agreement import Agreement, Matrix
from acdc_custom.stability.common import InCommon, in_common
from acdc_custom.stability.consensus import ALL_TOKENS, Seeing, consensus_edges, dead_edges
from acdc_custom.stability.shares import SelectionFrequency, checked_share

CURVE = tuple(tenth / 10 for tenth in range(1, 11))  # shares at which a consensus is measured
CORE = 0.9  # what at least this share of the runs keeps is called the core

Measure = Callable[[Iterable[Edge]], TaskPerformance]  # runs a set of edges on the prompts that all runs drew from


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: its folder's name, what it varies, what it found."""

    name: str
    varied: frozenset[Variation]
    circuit: Circuit


@dataclass(frozen=True)
class RunRecord:
    """What is kept of a run. `sizes` counts members; `behaviour` is its circuit's on the prompts that all drew from."""

    name: str
    varied: frozenset[Variation]
    sizes: Mapping[Part, int]
    behaviour: TaskPerformance


@dataclass(frozen=True)
class ConsensusPoint:
    """The consensus at one share; `n_dead` of its edges have no kept path to the logits."""

    share: float
    n_edges: int
    n_dead: int
    behaviour: TaskPerformance


@dataclass(frozen=True)
class Stability:
    """Everything. Shares are among the `consensus_runs`; Jaccard indices of every two runs, in the order of `runs`.

    Of runs in positions, members are at `spans`, all of theirs in order; and `whatever_span` is what the same runs have
    in common without positions, where a member counts once whatever its spans.
    """

    shape: GraphShape
    provenance: Provenance  # of a run that varies nothing
    share: float  # of the consensus that was chosen
    runs: tuple[RunRecord, ...]
    common: InCommon
    curve: tuple[ConsensusPoint, ...]
    full: TaskPerformance
    empty: TaskPerformance
    notes: tuple[str, ...]
    spans: tuple[Span, ...] = ()
    whatever_span: InCommon | None = None

    @property
    def in_positions(self) -> bool:
        """Whether its members are those of single spans."""
        return bool(self.spans)

    @property
    def shares(self) -> Mapping[Part, tuple[SelectionFrequency, ...]]:
        """How often each member is kept, the most often kept first."""
        return self.common.shares

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """How alike the runs of each kind are."""
        return self.common.agreements

    @property
    def jaccards(self) -> Mapping[Part, Matrix]:
        """The Jaccard index of every two runs."""
        return self.common.jaccards

    @property
    def varied(self) -> frozenset[Variation]:
        """What the runs of the consensus vary: everything that was asked for, at once."""
        return self.runs[0].varied

    @property
    def consensus_runs(self) -> tuple[RunRecord, ...]:
        """The runs that the consensus is made of."""
        return tuple(run for run in self.runs if run.varied == self.varied)

    @property
    def chosen(self) -> ConsensusPoint:
        """The consensus that was chosen."""
        return next(point for point in self.curve if point.share == self.share)

    def agreement(self, part: Part, varied: frozenset[Variation] | None = None) -> Agreement:
        """How alike runs are that vary this; by default those of the consensus. Raises `KeyError`."""
        return self.common.agreement(part, varied or self.varied)

    def core(self, part: Part) -> list[SelectionFrequency]:
        """What nearly all of the consensus's runs keep."""
        return [share for share in self.shares[part] if share.reaches(CORE)]

    def faithfulness(self, behaviour: TaskPerformance) -> float:
        """The share of the logit difference between no edges and all of them; nan where there is none."""
        return normalised_faithfulness(self.full, behaviour, self.empty)


def examine_runs(
    runs: Sequence[FinishedRun],
    provenance: Provenance,
    measure: Measure,
    full: TaskPerformance,
    empty: TaskPerformance,
    share: float = 0.5,
    notes: Sequence[str] = (),
    on_step: OnStep = no_step,
    seeing: Seeing = ALL_TOKENS,
) -> Stability:
    """What these runs have in common. The first run varies everything, and the consensus is of those that do.

    `measure` runs a set of edges; `on_step` is called each time it has, `n_measured` times in all. `seeing` says of
    runs in positions which spans see which. Raises `UsageError` for fewer than two such runs, for runs in graphs of
    different shapes, or some of them in positions, and for a share that cannot be.
    """
    checked_share(share)
    checked_runs(runs)

    def measured(edges: Iterable[Edge]) -> TaskPerformance:
        behaviour = measure(edges)
        on_step()
        return behaviour

    circuits, varied = [run.circuit for run in runs], [run.varied for run in runs]
    common = in_common(circuits, varied)
    spans, graph = spans_of_all(circuits), circuits[0].graph
    curve = []
    for at in points(share):
        edges = [kept.edge for kept in consensus_edges(common.shares[Part.EDGES], at)]
        curve.append(ConsensusPoint(at, len(edges), len(dead_edges(graph, edges, seeing)), measured(edges)))
    return Stability(
        shape=graph.shape,
        provenance=provenance,
        share=share,
        runs=tuple(
            RunRecord(
                run.name,
                run.varied,
                {part: len(members_of(run.circuit, part)) for part in Part},
                measured(kept.edge for kept in run.circuit.edges),
            )
            for run in runs
        ),
        common=common,
        curve=tuple(curve),
        full=full,
        empty=empty,
        notes=tuple(notes),
        spans=spans,
        whatever_span=in_common([circuit.at_all_spans for circuit in circuits], varied) if spans else None,
    )


def n_measured(runs: Sequence[FinishedRun], share: float) -> int:
    """How many sets of edges are run."""
    return len(runs) + len(points(share))


def points(share: float) -> list[float]:
    """The shares at which a consensus is measured: every tenth, and the one that was chosen."""
    return sorted({*CURVE, share})


def checked_runs(runs: Sequence[FinishedRun]) -> None:
    """Raises `UsageError` unless two runs or more vary everything, all in graphs of one shape, all or none of them in
    positions."""
    if sum(run.varied == runs[0].varied for run in runs) < 2:
        raise UsageError("what runs have in common takes two finished runs at least, that vary the same.")
    for run in runs:
        if run.circuit.shape != runs[0].circuit.shape:
            raise UsageError(f"{runs[0].name} and {run.name} are circuits in models of different shapes.")
        if run.circuit.in_positions != runs[0].circuit.in_positions:
            raise UsageError(
                f"of {runs[0].name} and {run.name}, one is a circuit in positions. Give runs that are all in "
                "positions, or none."
            )
