"""The spans of a batch as the engine needs them: in order, and which of them attention can read from which.

An *extent* is a set of spans: where a node's output is needed. Knows no tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.graph import Edge, Graph, Port, Receiver, Sender, Stage
from acdc_custom.task.spans import END, in_order

Extent = frozenset[str]  # of spans
ANSWER: Extent = frozenset((END,))  # where the logits are read


@dataclass(frozen=True)
class Spans:
    """All spans of a batch, in order, END last; and for each those that a query there can read a key in."""

    names: tuple[str, ...]
    readable: Mapping[str, Extent]
    _seeing: dict[Extent, Extent] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def everywhere(self) -> Extent:
        """All of them."""
        return frozenset(self.names)

    @cached_property
    def _parts(self) -> Mapping[str, Extent]:
        return {"": self.everywhere, **{name: frozenset((name,)) for name in self.names}}

    def part(self, span: str) -> Extent:
        """Where an edge of this span carries anything: `Edge.span`. Nowhere, if no prompt has the span."""
        return self._parts.get(span, frozenset())

    def check(self, spans: Iterable[str]) -> None:
        """Raises `UsageError` for a span that no prompt of the batch has; "" is all of them."""
        for span in spans:
            if span and span not in self.names:
                raise UsageError(
                    f'no span is called "{span}".{did_you_mean(span, self.names)} '
                    f"These prompts have: {', '.join(self.names)}."
                )

    def read_from(self, extent: Extent) -> Extent:
        """The spans that queries in these can read keys in."""
        return self.everywhere if END in extent else frozenset().union(*(self.readable[name] for name in extent))

    def seeing(self, keys: Extent) -> Extent:
        """The spans whose queries can read a key in any of these."""
        if keys not in self._seeing:
            self._seeing[keys] = frozenset(name for name in self.names if self.readable[name] & keys)
        return self._seeing[keys]

    def read_extent(self, graph: Graph, receiver: Receiver, live: Mapping[Sender, Extent]) -> Extent | None:
        """Where a receiver is read, when live nodes are needed at these extents; None if none of its nodes is alive."""
        if receiver.stage is Stage.LOGITS:
            return ANSWER
        extents = [live[node] for node in graph.nodes_of(receiver) if node in live]
        if not extents:
            return None
        needed = extents[0] if len(extents) == 1 else extents[0].union(*extents[1:])
        return self.read_from(needed) if receiver.port in (Port.K, Port.V) else needed

    def needed(self, graph: Graph, edges: Iterable[Edge], live: Mapping[Sender, Extent]) -> Extent:
        """Where a node's output is read along these edges, when live nodes are needed at these extents."""
        extent: Extent = frozenset()
        for edge in edges:
            extent |= self.part(edge.span) & (self.read_extent(graph, edge.receiver, live) or frozenset())
        return extent


def spans_of(prompts: Sequence[Sequence[str]]) -> Spans:
    """Of a batch, from the span of every token of every prompt."""
    readable: dict[str, set[str]] = {}
    for spans in prompts:
        seen: set[str] = set()
        for name in spans:
            seen.add(name)
            readable.setdefault(name, set()).update(seen)
    return Spans(in_order(prompts), {name: frozenset(seen) for name, seen in readable.items()})
