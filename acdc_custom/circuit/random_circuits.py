"""Random circuits of the same size and the same degrees as a given one.

Owns the two ways of drawing them:

- *heads shuffled*: in each layer the heads change places (where key/value heads are shared: the groups, and the heads
  in each group). That maps the graph onto itself, so that size, layers, wiring and every degree stay as they were;
  which head of its layer a head is, is random. MLPs and the embedding stay: there is no other one to be.
- *edges rewired*: pairs of edges exchange their receivers, over and over, wherever both new edges are in the graph and
  not yet in the circuit (Maslov and Sneppen 2002). So each sender keeps its number of outgoing and each receiver its
  number of incoming edges; what is connected to what is random. Nodes stay the same, so this speaks of edges alone.

In positions, edges stay in their spans: heads change places in all of them alike, and edges of one span exchange
receivers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.exchanges import Exchanges
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, Graph, Place, Port, Receiver, Sender, Stage
from acdc_custom.stats.intervals import FEWEST_DRAWS

Numbers = NDArray[np.int64]
MOST_DRAWS = 100_000


class NullModel(StrEnum):
    """What is random in a random circuit."""

    SHUFFLED = "heads shuffled"
    REWIRED = "edges rewired"

    @property
    def about(self) -> str:
        """How it is drawn."""
        return {
            NullModel.SHUFFLED: "the heads of each layer change places at random; size, layers, wiring and degrees "
            "stay",
            NullModel.REWIRED: "pairs of edges exchange receivers at random; nodes keep their numbers of edges in and "
            "out",
        }[self]

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it has something to say of."""
        return tuple(Part) if self is NullModel.SHUFFLED else (Part.EDGES,)


@dataclass(frozen=True)
class Codes:
    """The members of a (random) circuit as numbers, and their weights."""

    members: Numbers
    weights: NDArray[np.float64]

    @property
    def key(self) -> bytes:
        """The same for the same members, in whatever order."""
        return np.sort(self.members).tobytes()


class RandomCircuitSampler:
    """Draws random circuits of one circuit's size and degrees.

    `spans` are the names of those that codes stand for, by default the circuit's own: codes of circuits that are
    compared need the same.
    """

    def __init__(self, circuit: Circuit, generator: np.random.Generator, spans: Sequence[str] = ()) -> None:
        self.graph = circuit.graph
        self._generator = generator
        self._receiver_places = {receiver: place for place, receiver in enumerate(self.graph.receivers)}
        self._weights = {part: members_of(circuit, part) for part in Part}
        edges = [member for member in self._weights[Part.EDGES] if isinstance(member, Edge)]
        self._senders = np.array([self.graph.index[edge.sender] for edge in edges], np.int64)
        self._receivers = np.array([self._receiver_places[edge.receiver] for edge in edges], np.int64)
        self._span_names = tuple(spans) or tuple(dict.fromkeys(edge.span for edge in edges)) or ("",)
        self._spans = np.array([self._span_names.index(edge.span) for edge in edges], np.int64)
        self._nodes = {part: self._places(part) for part in (Part.NODES, Part.HEADS)}
        self._heads = _head_places(self.graph, self._receiver_places)

    def own(self, part: Part) -> Codes:
        """The circuit itself."""
        if part is Part.EDGES:
            return self._codes(self._senders, self._receivers)
        return self._node_codes(part, self._nodes[part].senders)

    def shuffled(self) -> dict[Part, Codes]:
        """The circuit with the heads of each layer in random places."""
        shape, heads = self.graph.shape, self._heads
        order = np.tile(np.arange(shape.n_kv_heads), (shape.n_layers, 1))
        groups = self._generator.permuted(order, axis=1)  # [layer, group]
        inside = np.tile(np.arange(shape.group_size), (shape.n_layers, shape.n_kv_heads, 1))
        inside = self._generator.permuted(inside, axis=2)  # [layer, group, head of the group]
        query = (groups[..., None] * shape.group_size + inside).reshape(shape.n_layers, shape.n_heads)
        senders, receivers = np.arange(len(self.graph.senders)), np.arange(len(self.graph.receivers))
        senders[heads.sender] = np.take_along_axis(heads.sender, query, 1)
        receivers[heads.query] = np.take_along_axis(heads.query, query, 1)
        receivers[heads.key] = np.take_along_axis(heads.key, groups, 1)
        receivers[heads.value] = np.take_along_axis(heads.value, groups, 1)
        codes = {Part.EDGES: self._codes(senders[self._senders], receivers[self._receivers])}
        for part, nodes in self._nodes.items():
            codes[part] = self._node_codes(part, senders[nodes.senders])
        return codes

    def rewired(self) -> Iterator[dict[Part, Codes]]:
        """Without end: the circuit after many exchanges, each draw independent of the last. An edge takes its weight
        along with its sender. Where no exchange is possible, that is the circuit itself."""
        of_spans = [np.flatnonzero(self._spans == span) for span in range(len(self._span_names))]
        receivers = self._receivers.copy()
        for drawn in zip(*(self.exchanges(span).draws() for span in range(len(of_spans))), strict=True):
            for edges, exchanged in zip(of_spans, drawn, strict=True):
                receivers[edges] = exchanged
            yield {Part.EDGES: self._codes(self._senders, receivers)}

    def exchanges(self, span: int = 0) -> Exchanges:
        """The chain behind it, at the circuit itself: of the edges of one span, of those that it has."""
        before = np.array([self.graph.n_senders_before(receiver) for receiver in self.graph.receivers], np.int64)
        there = self._spans == span
        return Exchanges(self._senders[there], self._receivers[there], before, self._generator)

    def edges(self, codes: Codes) -> list[Edge]:
        """The edges that numbers stand for."""
        graph, names = self.graph, self._span_names
        parts = [(*divmod(code // len(names), len(graph.receivers)), code) for code in codes.members.tolist()]
        return [
            Edge(graph.senders[sender], graph.receivers[receiver], names[code % len(names)])
            for sender, receiver, code in parts
        ]

    def _codes(self, senders: Numbers, receivers: Numbers) -> Codes:
        ends = senders * len(self.graph.receivers) + receivers
        return Codes(ends * len(self._span_names) + self._spans, self._weights_of(Part.EDGES))

    def _places(self, part: Part) -> _Places:
        """The circuit's nodes or heads, and where they are."""
        nodes = [member for member in self._weights[part] if not isinstance(member, Edge)]
        places = [Place.of(node) for node in nodes]
        return _Places(
            np.array([self.graph.index[place.node] for place in places], np.int64),
            np.array([self._span_names.index(place.span) for place in places], np.int64),
        )

    def _node_codes(self, part: Part, senders: Numbers) -> Codes:
        return Codes(senders * len(self._span_names) + self._nodes[part].spans, self._weights_of(part))

    def _weights_of(self, part: Part) -> NDArray[np.float64]:
        return np.array(list(self._weights[part].values()), np.float64)


@dataclass(frozen=True)
class _Places:
    """Nodes as places in the graph's senders, and in which span each of them is."""

    senders: Numbers
    spans: Numbers


@dataclass(frozen=True)
class _Heads:
    """Places in the graph's senders and receivers: `[layer, head]`, for keys and values `[layer, group]`."""

    sender: Numbers
    query: Numbers
    key: Numbers
    value: Numbers


def _head_places(graph: Graph, receivers: Mapping[Receiver, int]) -> _Heads:
    shape = graph.shape

    def places(port: Port) -> Numbers:
        grouped = shape.grouped and port is not Port.Q
        count = shape.n_heads if port is Port.Q else shape.n_kv_heads
        return np.array(
            [
                [receivers[Receiver(layer, Stage.HEAD, port, head, grouped)] for head in range(count)]
                for layer in range(shape.n_layers)
            ]
        )

    senders = [
        [graph.index[Sender(layer, Stage.HEAD, head)] for head in range(shape.n_heads)]
        for layer in range(shape.n_layers)
    ]
    return _Heads(np.array(senders), places(Port.Q), places(Port.K), places(Port.V))


def checked_draws(draws: int) -> int:
    """Raises `UsageError` for fewer draws than can show anything, and for more than anybody waits for."""
    if not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        raise UsageError(f"{draws} draws were asked for: allowed are {FEWEST_DRAWS} to {MOST_DRAWS:,}.")
    return draws
