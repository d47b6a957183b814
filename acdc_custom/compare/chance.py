"""How much two circuits would share by chance: random circuits of the same size and the same degrees.

Owns the two ways of drawing them, and what is made of the draws:

- *heads shuffled*: in each layer the heads change places (where key/value heads are shared: the groups, and the heads
  in each group). That maps the graph onto itself, so that size, layers, wiring and every degree stay as they were;
  which head of its layer a head is, is random. MLPs and the embedding stay: there is no other one to be.
- *edges rewired*: pairs of edges exchange their receivers, over and over, wherever both new edges are in the graph and
  not yet in the circuit (Maslov and Sneppen 2002). So each sender keeps its number of outgoing and each receiver its
  number of incoming edges; what is connected to what is random. Nodes stay the same, so this speaks of edges alone.

With d draws, p is `(1 + draws that share at least as much) / (1 + d)`, one-sided (Phipson and Smyth 2010), and z is
`(observed - mean) / standard deviation`. Sizes are fixed, so p is the same for precision and recall as for Jaccard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Overlap, Part, members_of, overlap, weighted_jaccard
from acdc_custom.graph import Edge, Graph, Port, Receiver, Sender, Stage

Numbers = NDArray[np.int64]
OnProgress = Callable[[str, int, int], None]
MIXED = 10  # exchanges tried per edge before the first draw
APART = 3  # and between one draw and the next
SAME = 1e-12  # of two sums of the same weights in another order


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
class ChanceComparison:
    """An observed number beside the same of random circuits. `z` is None where these do not vary."""

    observed: float
    mean: float
    sd: float
    z: float | None
    p: float


@dataclass(frozen=True)
class Chance:
    """One overlap against one kind of random circuits."""

    null: NullModel
    jaccard: ChanceComparison | None  # None where there is no index: two empty circuits, no effects
    weighted: ChanceComparison | None


@dataclass(frozen=True)
class Codes:
    """The members of a (random) circuit as numbers, and their weights."""

    members: Numbers
    weights: NDArray[np.float64]


class RandomCircuitSampler:
    """Draws random circuits of one circuit's size and degrees."""

    def __init__(self, circuit: Circuit, generator: np.random.Generator) -> None:
        self.graph = circuit.graph
        self._generator = generator
        self._receiver_places = {receiver: place for place, receiver in enumerate(self.graph.receivers)}
        self._weights = {part: members_of(circuit, part) for part in Part}
        edges = [member for member in self._weights[Part.EDGES] if isinstance(member, Edge)]
        self._senders = np.array([self.graph.index[edge.sender] for edge in edges], np.int64)
        self._receivers = np.array([self._receiver_places[edge.receiver] for edge in edges], np.int64)
        self._nodes = {
            part: np.array([self.graph.index[m] for m in self._weights[part] if isinstance(m, Sender)], np.int64)
            for part in (Part.NODES, Part.HEADS)
        }
        self._heads = _head_places(self.graph, self._receiver_places)

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
            codes[part] = Codes(senders[nodes], self._weights_of(part))
        return codes

    def rewired(self) -> Iterator[dict[Part, Codes]]:
        """Without end: the circuit after more and more exchanges. An edge takes its weight along with its sender.

        The receivers that come after a sender are among those after any earlier sender, so that exchanges lead to
        every circuit with these degrees; each is as likely to be undone as done, so that in the long run all are
        equally likely.
        """
        before = [self.graph.n_senders_before(receiver) for receiver in self.graph.receivers]
        senders, receivers = self._senders.tolist(), self._receivers.tolist()
        present = set(zip(senders, receivers, strict=True))
        exchanges = MIXED * len(senders)
        while True:
            for one, other in self._generator.integers(max(len(senders), 1), size=(exchanges, 2)).tolist():
                s, r, t, q = senders[one], receivers[one], senders[other], receivers[other]
                if s < before[q] and t < before[r] and (s, q) not in present and (t, r) not in present:
                    present -= {(s, r), (t, q)}
                    present |= {(s, q), (t, r)}
                    receivers[one], receivers[other] = q, r
            exchanges = APART * len(senders)
            yield {Part.EDGES: self._codes(np.array(senders, np.int64), np.array(receivers, np.int64))}

    def edges(self, codes: Codes) -> list[Edge]:
        """The edges that numbers stand for."""
        places = [divmod(code, len(self.graph.receivers)) for code in codes.members.tolist()]
        return [Edge(self.graph.senders[sender], self.graph.receivers[receiver]) for sender, receiver in places]

    def _codes(self, senders: Numbers, receivers: Numbers) -> Codes:
        return Codes(senders * len(self.graph.receivers) + receivers, self._weights_of(Part.EDGES))

    def _weights_of(self, part: Part) -> NDArray[np.float64]:
        return np.array(list(self._weights[part].values()), np.float64)


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


def against_chance(
    circuits: Sequence[Circuit], draws: int, seed: int, on_progress: OnProgress = lambda what, more, total: None
) -> dict[tuple[Part, int, int], tuple[Chance, ...]]:
    """For each part and each pair of circuits (by their places), its overlap against `draws` random ones of each kind.

    `on_progress` is told what is drawn, how many draws more are done, and of how many.
    """
    members = {part: [members_of(circuit, part) for circuit in circuits] for part in Part}
    pairs = list(combinations(range(len(circuits)), 2))
    found: dict[tuple[Part, int, int], list[Chance]] = {(part, *pair): [] for part in Part for pair in pairs}
    for number, null in enumerate(NullModel):
        drawers = [
            RandomCircuitSampler(circuit, np.random.default_rng([seed, number, place]))
            for place, circuit in enumerate(circuits)
        ]
        chains = [drawer.rewired() for drawer in drawers]
        drawn: dict[tuple[Part, int, int], list[Overlap]] = {(part, *pair): [] for part in null.parts for pair in pairs}
        for _ in range(draws):
            random = (
                [drawer.shuffled() for drawer in drawers] if null is NullModel.SHUFFLED else [next(c) for c in chains]
            )
            for (part, first, second), overlaps in drawn.items():
                overlaps.append(_overlap(random[first][part], random[second][part]))
            on_progress(f"Random circuits, {null}", 1, draws)
        for (part, first, second), overlaps in drawn.items():
            observed = overlap(members[part][first], members[part][second])
            found[part, first, second].append(
                Chance(
                    null,
                    _against(observed.jaccard, [o.jaccard for o in overlaps]),
                    _against(observed.weighted, [o.weighted for o in overlaps]),
                )
            )
    return {key: tuple(chances) for key, chances in found.items()}


def _overlap(first: Codes, second: Codes) -> Overlap:
    shared, ours, theirs = np.intersect1d(first.members, second.members, assume_unique=True, return_indices=True)
    smaller = float(np.minimum(first.weights[ours], second.weights[theirs]).sum())
    total = float(first.weights.sum() + second.weights.sum())
    return Overlap(len(first.members), len(second.members), len(shared), weighted_jaccard(smaller, total))


def _against(observed: float | None, drawn: Sequence[float | None]) -> ChanceComparison | None:
    values = [value for value in drawn if value is not None]
    if observed is None or not values:
        return None
    mean = math.fsum(values) / len(values)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1))
    reached = sum(value >= observed - SAME for value in values)
    z = (observed - mean) / sd if sd > SAME else None
    return ChanceComparison(observed, mean, sd, z, (1 + reached) / (1 + len(values)))
