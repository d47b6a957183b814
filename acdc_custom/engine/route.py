"""What a change reaches: planned once per receiver, before any number is computed.

A `Route` lists, layer by layer, the live nodes that a change of some node's input reaches along kept edges, the inputs
it comes in by, and the spans where the node changes, which are those that it is live on and the change can be seen
from. Differences are kept in buffers `[slot, candidate, row, d_model]`, one for every extent at which anything is read,
with a slot for each node that is read there. A node that is not reached is not on the route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.rows import Where, add_at, picked
from acdc_custom.engine.spans import Extent
from acdc_custom.engine.state import AttentionState, KeyValueBank, LiveState, PlainState, QueryBank
from acdc_custom.graph import LOGITS, Edge, Port, Receiver, Sender, Stage
from acdc_custom.model.attention import Projection

Arriving = dict[Extent, list[Sender]]  # changed senders that a receiver reads, by the spans at which it does


@dataclass(frozen=True)
class Arrival:
    """What comes in at some rows of a feed: a sum of slots of one buffer."""

    at: Extent
    where: Where  # of its rows in the feed's
    slots: Sequence[int]


@dataclass(frozen=True)
class Feed:
    """Some inputs that change, where, and where their differences come from: from slots, or given."""

    extent: Extent
    where: Where  # of its rows in the bank's
    entries: Tensor  # [entry]: which entries of the bank these inputs are
    places: Sequence[int]  # the same, on the host
    arrivals: Sequence[Sequence[Arrival]] | None = None  # per entry; None: one entry, and its difference is given

    def read(self, current: Tensor, buffers: Mapping[Extent, Tensor], given: Tensor) -> Tensor:
        """The inputs with a window's differences, `[entry, candidate, row, d_model]`, from the bank's current ones."""
        current = picked(current, self.where)
        if self.arrivals is None:
            return current[self.entries, None] + given[None]
        n_rows, d_model = current.shape[-2:]
        new = current.new_empty(len(self.places), len(given), n_rows, d_model)
        # One addition after the other: gathering the differences first would copy every one of them.
        for entry, own, arrivals in zip(self.places, new, self.arrivals, strict=True):
            first = arrivals[0] if arrivals[0].where is None else None
            if first is None:
                own.copy_(current[entry].expand_as(own))
            else:
                torch.add(current[entry], buffers[first.at][first.slots[0]], out=own)
            for arrival in arrivals:
                for slot in arrival.slots[arrival is first :]:
                    add_at(own, arrival.where, buffers[arrival.at][slot])
        return new


Slots = Mapping[Extent, tuple[Where, slice]]  # for each buffer: its rows among those that change, and the nodes' slots


@dataclass(frozen=True)
class HeadGroup:
    """Live heads of one bank that a change reaches by the same ports, and at the same spans: computed together."""

    bank: QueryBank
    extent: Extent  # where they change
    where: Where  # of its rows in the bank's
    entries: Tensor  # of the query bank
    key_entries: Tensor  # of the key and value banks
    out: Tensor  # [head, d_head, d_model]
    slots: Slots
    query: tuple[Feed, Projection] | None  # of all groups at these spans; None: no query changes
    fed: Mapping[Port, Tensor]  # for each port that changes: entries of that port's feed


@dataclass(frozen=True)
class AttentionStep:
    """The heads of one layer that a change reaches."""

    layer: int
    state: AttentionState
    key: tuple[Feed, Projection] | None
    value: tuple[Feed, Projection] | None
    groups: Sequence[HeadGroup]

    @property
    def feeds(self) -> list[Feed]:
        """All inputs that change."""
        queries = {id(group.query): group.query for group in self.groups}
        return [source[0] for source in (self.key, self.value, *queries.values()) if source is not None]


@dataclass(frozen=True)
class MlpStep:
    """One MLP that a change reaches."""

    layer: int
    state: PlainState
    feed: Feed
    slots: Slots


@dataclass
class Route:
    """The steps from one receiver to the logits. The receiver's own nodes come first, from a given difference."""

    logits: Feed | None = None  # None: the logits are not reached
    steps: list[AttentionStep | MlpStep] = field(default_factory=list)
    slot_of: dict[Extent, dict[Sender, int]] = field(default_factory=dict)
    n_nodes: int = 0  # that change

    def allot(self, nodes: Sequence[Sender], extent: Extent) -> slice:
        """Slots, side by side, for nodes that are read at an extent."""
        taken = self.slot_of.setdefault(extent, {})
        first = len(taken)
        taken.update({node: first + place for place, node in enumerate(nodes)})
        return slice(first, len(taken))


class Planner:
    """Finds routes through the live state. `consumers` are the kept edges so far, by sender."""

    def __init__(self, caches: Caches, state: LiveState, consumers: Mapping[Sender, Iterable[Edge]]) -> None:
        self.caches = caches
        self.state = state
        self.consumers = consumers

    def route(self, receiver: Receiver, extent: Extent) -> Route:
        """From a difference of this receiver's input at an extent, through its live nodes, to the logits."""
        return _Planning(self, receiver, extent).run()


class _Planning:
    """One route on its way: `reads` are the receivers that are still to be visited."""

    def __init__(self, planner: Planner, receiver: Receiver, extent: Extent) -> None:
        self.caches, self.state, self.consumers = planner.caches, planner.state, planner.consumers
        self.spans, self.layout = planner.caches.spans, planner.caches.layout
        self.given = extent
        self.route = Route()
        self.reads: dict[Receiver, Arriving | None] = {receiver: None}  # None: the receiver's own difference is given

    def run(self) -> Route:
        while self.reads:
            following = min(self.reads)
            if following.stage is Stage.LOGITS:
                self.route.logits = self._feed(self.state.logits.extent, [0], [self.reads.pop(LOGITS)], None)
            elif following.stage is Stage.MLP:
                self._mlp_step(following, self.reads.pop(following))
            else:
                together = [r for r in self.reads if r.layer == following.layer and r.stage is Stage.HEAD]
                self._attention_step(following.layer, {r: self.reads.pop(r) for r in together})
        return self.route

    def _reached(self, nodes: Sequence[Sender], extent: Extent) -> Slots:
        """Slots for nodes that change at these spans; whoever reads them there is to be visited."""
        self.route.n_nodes += len(nodes)
        read_at: dict[Extent, None] = {}
        for node in nodes:
            for edge in self.consumers.get(node, ()):
                at = self.spans.part(edge.span) & extent & self.state.extent_of(edge.receiver)
                if at:
                    arriving = self.reads.setdefault(edge.receiver, {})
                    assert arriving is not None
                    arriving.setdefault(at, []).append(node)
                    read_at[at] = None
        return {at: (self.layout.where(at, extent), self.route.allot(nodes, at)) for at in read_at}

    def _changed(self, reads: Iterable[Arriving | None]) -> Extent:
        """Where anything comes in."""
        return frozenset().union(*(at for arriving in reads for at in (arriving or (self.given,))))

    def _feed(
        self, of_bank: Extent, entries: list[int], reads: Sequence[Arriving | None], extent: Extent | None
    ) -> Feed:
        """Of these entries of a bank, at an extent that holds all that comes in; None: just that."""
        extent = self._changed(reads) if extent is None else extent
        where = self.layout.where(extent, of_bank)
        if reads[0] is None:
            return Feed(extent, where, self._tensor(entries), entries)
        arrivals = []
        for arriving in reads:
            assert arriving is not None
            arrivals.append(
                [
                    Arrival(at, self.layout.where(at, extent), [self.route.slot_of[at][sender] for sender in senders])
                    for at, senders in arriving.items()
                ]
            )
        return Feed(extent, where, self._tensor(entries), entries, arrivals)

    def _mlp_step(self, receiver: Receiver, arriving: Arriving | None) -> None:
        state = self.state.mlp[receiver.layer]
        feed = self._feed(state.extent, [0], [arriving], None)
        slots = self._reached([Sender(receiver.layer, Stage.MLP)], feed.extent)
        self.route.steps.append(MlpStep(receiver.layer, state, feed, slots))

    def _attention_step(self, layer: int, reads: Mapping[Receiver, Arriving | None]) -> None:
        state = self.state.attention[layer]
        attention = self.caches.model.weights.blocks[layer].attention
        group_size = self.caches.model.graph.shape.group_size
        read_by = {port: {r.head: reads[r] for r in sorted(reads) if r.port is port} for port in Port}
        arriving_at = {r: self._changed([reads[r]]) for r in reads}
        changed = {port: {r.head: at for r, at in arriving_at.items() if r.port is port} for port in Port}

        def source(
            port: Port, heads: list[int], bank: KeyValueBank | QueryBank, extent: Extent | None, projection: Projection
        ) -> tuple[Feed, Projection] | None:
            if not heads:
                return None
            entries = [bank.heads.index(head) for head in heads]
            feed = self._feed(bank.extent, entries, [read_by[port][head] for head in heads], extent)
            positions = self.layout.rows(feed.extent).positions
            return feed, projection.select(self._tensor(heads)).at(positions)

        fed_heads = {port: list(read_by[port]) for port in (Port.Q, Port.K, Port.V)}
        groups: list[HeadGroup] = []
        for bank in state.queries:
            # Heads that are reached, by the spans where they change, and then by the ports.
            reached: dict[Extent, dict[tuple[Port, ...], list[int]]] = {}
            for head in bank.heads:
                own = {Port.Q: head, Port.K: head // group_size, Port.V: head // group_size}
                ports = tuple(port for port, heads in read_by.items() if own.get(port) in heads)
                if not ports:
                    continue
                extent = changed[Port.Q].get(head, frozenset[str]())
                for port in (Port.K, Port.V):
                    if keys := changed[port].get(own[port]):
                        extent |= self.spans.seeing(keys) & bank.extent
                reached.setdefault(extent, {}).setdefault(ports, []).append(head)
            for extent, alike in reached.items():
                query_heads = [head for ports, heads in alike.items() if Port.Q in ports for head in heads]
                query = source(Port.Q, query_heads, bank, extent, attention.query)
                for ports, heads in alike.items():
                    kv_heads = [head // group_size for head in heads]
                    feeding = {Port.Q: query_heads, Port.K: fed_heads[Port.K], Port.V: fed_heads[Port.V]}
                    groups.append(
                        HeadGroup(
                            bank=bank,
                            extent=extent,
                            where=self.layout.where(extent, bank.extent),
                            entries=self._tensor([bank.heads.index(head) for head in heads]),
                            key_entries=self._tensor([state.keys.heads.index(head) for head in kv_heads]),
                            out=attention.out[self._tensor(heads)],
                            slots=self._reached([Sender(layer, Stage.HEAD, head) for head in heads], extent),
                            query=query,
                            fed={
                                port: self._tensor(
                                    [feeding[port].index(h) for h in (heads if port is Port.Q else kv_heads)]
                                )
                                for port in ports
                            },
                        )
                    )
        self.route.steps.append(
            AttentionStep(
                layer,
                state,
                source(Port.K, fed_heads[Port.K], state.keys, None, attention.key),
                source(Port.V, fed_heads[Port.V], state.values, None, attention.value),
                groups,
            )
        )

    def _tensor(self, places: list[int]) -> Tensor:
        return torch.tensor(places, device=self.caches.model.device)
