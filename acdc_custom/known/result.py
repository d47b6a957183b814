"""What a method found in a known model, beside what is there.

Owns the rates and areas of one model with one ablation and one method, without positions or in them. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from acdc_custom.choices import Ablation, CustomMetric, Metric
from acdc_custom.graph import Edge, Graph, Place
from acdc_custom.known.roc import Rates, auc, rates, roc_curve
from acdc_custom.search.method import DecidingMethod, SearchMethod


@dataclass(frozen=True)
class BenchmarkResult:
    """The circuits that a method found in a known model with one ablation, by threshold, highest first.

    In positions, `spans` are those of the prompts, and all edges have one.
    """

    name: str
    about: str
    graph: Graph
    metric: Metric | CustomMetric  # in whose unit the thresholds are
    ablation: Ablation
    method: SearchMethod
    n: int  # prompts
    parts: Mapping[Edge, tuple[str, ...]]  # what the edges of the circuit that was built carry
    # Of these, those whose removal changes what is read, with this ablation; in positions, what a node writes.
    changing: frozenset[Edge]
    found: tuple[tuple[float, frozenset[Edge]], ...]
    spans: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the method decides edges; then each threshold took a search of its own."""
        return isinstance(self.method, DecidingMethod)

    @cached_property
    def every(self) -> frozenset[Edge]:
        """All edges that there are; in positions, each at every span."""
        return frozenset(self.graph.edges_at(self.spans or ("",)))

    @cached_property
    def built(self) -> frozenset[Edge]:
        """The circuit that was built."""
        return frozenset(self.parts)

    @property
    def at_lowest(self) -> frozenset[Edge]:
        """What was found at the lowest threshold."""
        return self.found[-1][1] if self.found else frozenset()

    @property
    def wrong(self) -> frozenset[Edge]:
        """What was found there, and was not built; in positions, what does not act where it was found."""
        return self.at_lowest - (self.changing if self.spans else self.built)

    @property
    def missed(self) -> frozenset[Edge]:
        """What was found at no threshold, although its removal changes what is read; in positions, what is written."""
        return self.changing.difference(*(edges for _, edges in self.found))

    def edge_curve(self, true: frozenset[Edge]) -> tuple[Rates, ...]:
        """Edges against those of a true circuit. Raises `UsageError` for one without edges."""
        return roc_curve(rates(edges, true, self.every) for _, edges in self.found)

    @cached_property
    def edge_auc(self) -> float:
        """Of edges, against the circuit that was built."""
        return auc(self.edge_curve(self.built))

    @cached_property
    def node_auc(self) -> float:
        """Of nodes with a kept outgoing edge, against those of the circuit that was built."""
        true = nodes_of(self.built)
        every = {Place(sender, span) for sender in self.graph.senders for span in self.spans or ("",)}
        return auc(roc_curve(rates(nodes_of(edges), true, every) for _, edges in self.found))

    @cached_property
    def changing_auc(self) -> float | None:
        """Of edges, against those whose removal changes what is read; None if there are none, as on a single prompt."""
        return auc(self.edge_curve(self.changing)) if self.changing else None


def nodes_of(edges: Iterable[Edge]) -> frozenset[Place]:
    """Every sender that an edge leaves, at the edge's span."""
    return frozenset(Place(edge.sender, edge.span) for edge in edges)
