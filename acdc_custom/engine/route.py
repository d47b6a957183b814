"""What a change reaches: planned once per receiver, before any number is computed.

A `Route` lists, layer by layer, the live nodes that a change of some node's output reaches along kept edges,
the inputs it comes in by, and where its difference is kept: differences live in one buffer per extent,
`[slot, candidate, row, d_model]`, one slot per changed node. A node needed at all changed positions has a slot in both
buffers. A node that is not reached is not on the route.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.state import AttentionState, KeyValueBank, LiveState, PlainState, QueryBank
from acdc_custom.graph import LOGITS, Port, Receiver, Sender, Stage
from acdc_custom.model.attention import Projection


@dataclass(frozen=True)
class Feed:
    """Some inputs that change, and where their differences come from: a sum of slots for each, or given."""

    extent: Extent
    entries: Tensor  # [entry]: which entries of the bank these inputs are
    places: Sequence[int]  # the same, on the host
    slots: Sequence[Sequence[int]] | None = None  # per entry; None: there is one entry, and its difference is given

    def read(self, current: Tensor, buffers: Mapping[Extent, Tensor], given: Tensor) -> Tensor:
        """The inputs with a window's differences, `[entry, candidate, row, d_model]`, from the bank's current ones."""
        if self.slots is None:
            return current[self.entries, None] + given[None]
        buffer = buffers[self.extent]
        new = buffer.new_empty(len(self.slots), *buffer.shape[1:])
        # One addition after the other: gathering the differences first would copy every one of them.
        for entry, own, slots in zip(self.places, new, self.slots, strict=True):
            torch.add(current[entry], buffer[slots[0]], out=own)
            for slot in slots[1:]:
                own += buffer[slot]
        return new


@dataclass(frozen=True)
class Slots:
    """The slots of one group of nodes: a range in the answer buffer, and one in the other if it is needed."""

    answer: slice
    changed: slice | None


@dataclass(frozen=True)
class HeadGroup:
    """Live heads of one layer and extent that a change reaches by the same ports: computed together."""

    bank: QueryBank
    entries: Tensor  # of the query bank
    key_entries: Tensor  # of the key and value banks
    out: Tensor  # [head, d_head, d_model]
    slots: Slots
    fed: Mapping[Port, Tensor]  # for each port that changes: entries of that port's feed


@dataclass(frozen=True)
class AttentionStep:
    """The heads of one layer that a change reaches."""

    layer: int
    state: AttentionState
    key: tuple[Feed, Projection] | None
    value: tuple[Feed, Projection] | None
    query: Mapping[Extent, tuple[Feed, Projection]]
    groups: Sequence[HeadGroup]

    @property
    def feeds(self) -> list[Feed]:
        """All inputs that change."""
        return [source[0] for source in (self.key, self.value, *self.query.values()) if source is not None]


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
    slot_of: dict[Extent, dict[Sender, int]] = field(default_factory=lambda: {extent: {} for extent in Extent})

    def allot(self, nodes: Sequence[Sender], extent: Extent) -> Slots:
        """Slots for nodes that change, needed at this extent."""
        return Slots(
            self._allot(nodes, Extent.ANSWER),
            self._allot(nodes, Extent.CHANGED) if extent is Extent.CHANGED else None,
        )

    def _allot(self, nodes: Sequence[Sender], extent: Extent) -> slice:
        taken = self.slot_of[extent]
        first = len(taken)
        taken.update({node: first + place for place, node in enumerate(nodes)})
        return slice(first, len(taken))


class Planner:
    """Finds routes through the live state. `consumers` are the kept edges so far, by sender."""

    def __init__(self, caches: Caches, state: LiveState, consumers: Mapping[Sender, Iterable[Receiver]]) -> None:
        self.caches = caches
        self.state = state
        self.consumers = consumers

    def route(self, receiver: Receiver) -> Route:
        """From a difference of this receiver's input, through its live nodes, to the logits."""
        route = Route()
        # What is still to be visited, with the changed senders that each reads; the receiver's own difference is given.
        reads: dict[Receiver, list[Sender] | None] = {receiver: None}
        while reads:
            known = len(route.slot_of[Extent.ANSWER])
            following = min(reads)
            if following.stage is Stage.LOGITS:
                route.logits = self._feed(route, [0], [reads.pop(LOGITS)], Extent.ANSWER)
            elif following.stage is Stage.MLP:
                route.steps.append(self._mlp_step(route, following, reads.pop(following)))
            else:
                together = [r for r in reads if r.layer == following.layer and r.stage is Stage.HEAD]
                route.steps.append(self._attention_step(route, following.layer, {r: reads.pop(r) for r in together}))
            for node in list(route.slot_of[Extent.ANSWER])[known:]:
                for consumer in self.consumers.get(node, ()):
                    changed = reads.setdefault(consumer, [])
                    assert changed is not None
                    changed.append(node)
        return route

    def _feed(self, route: Route, entries: list[int], senders: list[list[Sender] | None], extent: Extent) -> Feed:
        if senders[0] is None:
            return Feed(extent, self._tensor(entries), entries)
        slot_of = route.slot_of[extent]
        slots = [[slot_of[sender] for sender in read or ()] for read in senders]
        return Feed(extent, self._tensor(entries), entries, slots)

    def _mlp_step(self, route: Route, receiver: Receiver, senders: list[Sender] | None) -> MlpStep:
        state = self.state.mlp[receiver.layer]
        feed = self._feed(route, [0], [senders], state.extent)
        slots = route.allot([Sender(receiver.layer, Stage.MLP)], state.extent)
        return MlpStep(receiver.layer, state, feed, slots)

    def _attention_step(self, route: Route, layer: int, reads: Mapping[Receiver, list[Sender] | None]) -> AttentionStep:
        state = self.state.attention[layer]
        attention = self.caches.model.weights.blocks[layer].attention
        group_size = self.caches.model.graph.shape.group_size
        read_by = {port: {r.head: reads[r] for r in sorted(reads) if r.port is port} for port in Port}

        def source(
            port: Port, heads: list[int], bank: KeyValueBank | QueryBank, extent: Extent, projection: Projection
        ) -> tuple[Feed, Projection] | None:
            if not heads:
                return None
            entries = [bank.heads.index(head) for head in heads]
            feed = self._feed(route, entries, [read_by[port][head] for head in heads], extent)
            return feed, projection.select(self._tensor(heads)).at(self.caches.spans[extent].positions)

        key_heads, value_heads = list(read_by[Port.K]), list(read_by[Port.V])
        queries: dict[Extent, tuple[Feed, Projection]] = {}
        groups: list[HeadGroup] = []
        for bank in state.queries:
            query_heads = [head for head in read_by[Port.Q] if head in bank.heads]
            if query := source(Port.Q, query_heads, bank, bank.extent, attention.query):
                queries[bank.extent] = query
            fed_heads = {Port.Q: query_heads, Port.K: key_heads, Port.V: value_heads}
            alike: dict[tuple[Port, ...], list[int]] = {}
            for head in bank.heads:
                own = {Port.Q: head, Port.K: head // group_size, Port.V: head // group_size}
                ports = tuple(port for port, fed in fed_heads.items() if own[port] in fed)
                if ports:
                    alike.setdefault(ports, []).append(head)
            for ports, heads in alike.items():
                kv_heads = [head // group_size for head in heads]
                groups.append(
                    HeadGroup(
                        bank=bank,
                        entries=self._tensor([bank.heads.index(head) for head in heads]),
                        key_entries=self._tensor([state.keys.heads.index(head) for head in kv_heads]),
                        out=attention.out[self._tensor(heads)],
                        slots=route.allot([Sender(layer, Stage.HEAD, head) for head in heads], bank.extent),
                        fed={
                            port: self._tensor(
                                [fed_heads[port].index(h) for h in (heads if port is Port.Q else kv_heads)]
                            )
                            for port in ports
                        },
                    )
                )
        return AttentionStep(
            layer,
            state,
            source(Port.K, key_heads, state.keys, Extent.CHANGED, attention.key),
            source(Port.V, value_heads, state.values, Extent.CHANGED, attention.value),
            queries,
            groups,
        )

    def _tensor(self, places: list[int]) -> Tensor:
        return torch.tensor(places, device=self.caches.model.device)
