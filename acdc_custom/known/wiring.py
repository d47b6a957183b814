"""Which edges a model uses, from what its maker says that each node reads and writes.

The residual stream of a known model is cut into named parts. A *wire* is a part that one node writes and a later one
reads; an edge may hold several. Owns the wires, the circuit that they make up, at which spans it is read, and which of
its edges an ablation changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.spans import ANSWER, Extent, Spans
from acdc_custom.graph import Edge, Graph, Port, Receiver, Sender, Stage
from acdc_custom.model.weights import Weights
from acdc_custom.task.spans import END

NOISE = 1e-7  # smaller differences are rounding, or what a softmax leaves to places that it does not select

Acts = Callable[
    [Edge, str, Extent], bool
]  # whether an edge does anything at a span, where its node writes at an extent


@dataclass(frozen=True)
class Parts:
    """The named parts of a residual stream, side by side, in order."""

    widths: Mapping[str, int]

    @cached_property
    def d_model(self) -> int:
        """How wide the residual stream is."""
        return sum(self.widths.values())

    def __getitem__(self, name: str) -> slice:
        """Where a part stands."""
        names = list(self.widths)
        start = sum(self.widths[before] for before in names[: names.index(name)])
        return slice(start, start + self.widths[name])


@dataclass(frozen=True, order=True)
class Wire:
    """A part of the residual stream on its way from a node that writes it to an input that reads it."""

    edge: Edge
    part: str


def lay_wires(
    graph: Graph, writes: Iterable[tuple[Sender, str]], reads: Iterable[tuple[Receiver, str]]
) -> frozenset[Wire]:
    """Every part from each node that writes it to every later input that reads it."""
    writers = list(writes)
    every = {Wire(Edge(sender, receiver), read) for receiver, read in reads for sender, part in writers if part == read}
    return frozenset(wire for wire in every if wire.edge in graph)


def circuit_of(graph: Graph, wires: Iterable[Wire]) -> frozenset[Edge]:
    """The edges of the wires that lead on to the logits."""
    edges = {wire.edge for wire in wires}
    return merged(leading_on(graph, Spans((END,), {END: ANSWER}), edges, lambda *_: True))


def read_at(circuit: Collection[Edge], caches: Caches) -> frozenset[Edge]:
    """The edges of a circuit, each at every span of these prompts at which it is read on the way to the logits."""
    return leading_on(caches.model.graph, caches.spans, circuit, lambda *_: True)


def changing(circuit: Collection[Edge], caches: Caches) -> frozenset[Edge]:
    """The edges of a circuit whose removal changes anything that is read, on some prompts and with their ablation.

    A removed edge that carries what it carried before is not missed: a part that is the same on the clean and the
    corrupted prompt (a position, say) is in no circuit that the corrupted ablation can find. The ablation chooses
    the true circuit (Miller et al. 2024, arXiv 2407.08734).
    """
    model = caches.model

    def change(edge: Edge, span: str, _: Extent) -> bool:
        moved = caches.delta_at(caches.spans.part(span))[model.graph.index[edge.sender]]  # [row, d_model]
        return bool(((moved @ read_by(model.weights, edge.receiver)).abs() > NOISE).any())

    return merged(leading_on(model.graph, caches.spans, circuit, change))


def read_by(weights: Weights, receiver: Receiver) -> Tensor:
    """The matrix by which an input reads the residual stream, where no norm comes before it: `[d_model, n]`."""
    match receiver.stage:
        case Stage.LOGITS:
            return weights.unembedding.mT
        case Stage.MLP:
            mlp = weights.blocks[receiver.layer].mlp
            assert mlp is not None
            return mlp.weight_in
        case _:
            attention = weights.blocks[receiver.layer].attention
            projections = {Port.Q: attention.query, Port.K: attention.key, Port.V: attention.value}
            return projections[receiver.port].weight[receiver.head]


def leading_on(graph: Graph, spans: Spans, circuit: Collection[Edge], acts: Acts) -> frozenset[Edge]:
    """The edges of a circuit from which a way leads to the logits, each at the spans where it acts on the way."""
    into: dict[Receiver, list[Edge]] = {}
    for edge in circuit:
        into.setdefault(edge.receiver, []).append(edge)
    needed: dict[Sender, Extent] = {}  # where what a node writes is read
    leading = set[Edge]()
    for receiver in graph.receivers:  # from the logits down: whoever reads a node has been seen before it
        extent = spans.read_extent(graph, receiver, needed) or frozenset()
        nodes = [needed[node] for node in graph.nodes_of(receiver) if node in needed]
        written = frozenset[str]().union(*nodes) if nodes else ANSWER
        for edge in into.get(receiver, []):
            at = frozenset(span for span in extent if acts(edge, span, written))
            if at:
                needed[edge.sender] = needed.get(edge.sender, frozenset()) | at
                leading.update(Edge(edge.sender, receiver, span) for span in at)
    return frozenset(leading)


def merged(edges: Iterable[Edge]) -> frozenset[Edge]:
    """The same edges, without their spans."""
    return frozenset(edge.merged for edge in edges)
