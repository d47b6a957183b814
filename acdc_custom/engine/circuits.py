"""Many circuits on the same prompts, each as fast as one can be.

Owns what makes the second circuit cheaper than the first: the clean run and what removed edges carry come from the
caches, only nodes with a kept path to the logits are computed, and each only at the spans where it is read.
`circuit_run.py` computes the same straight from the definition, and is what this is tested against.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.rows import add_at
from acdc_custom.engine.spans import ANSWER, Extent, Spans
from acdc_custom.graph import EMBED, LOGITS, Edge, Graph, Port, Receiver, Sender, Stage

Read = Callable[[Receiver, Extent], Tensor]  # what a receiver reads: [row, d_model]


class CircuitRunner:
    """Runs circuits on the prompts of some caches."""

    @torch.no_grad()
    def __init__(self, caches: Caches) -> None:
        self.caches = caches
        self._bare = _bare_inputs(caches)
        self._clean: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, kept: Iterable[Edge]) -> Tensor:
        """The circuit's final residual stream at the answer position, normalised: `[answer row, d_model]`."""
        return self._run(kept)[0]

    def inside(self, kept: Iterable[Edge]) -> Caches:
        """The caches of the circuit's run, from which a search can start that removes some of its edges."""
        inputs: dict[Receiver, tuple[Extent, Tensor]] = {}
        _, moved = self._run(kept, inputs)
        delta, nodes = moved.removals(), list(moved.live)
        ablated = torch.stack([self._ablated(node, self.caches.everywhere) for node in nodes])
        return dataclasses.replace(
            self.caches,
            delta=delta,
            output=ablated - delta,
            places={node: place for place, node in enumerate(nodes)},
            inputs=inputs,
        )

    @torch.no_grad()
    def _run(
        self, kept: Iterable[Edge], inputs: dict[Receiver, tuple[Extent, Tensor]] | None = None
    ) -> tuple[Tensor, OutputChange]:
        """What comes out, and what live nodes write; what their receivers and the logits read is put into `inputs`."""
        caches, spans = self.caches, self.caches.spans
        consumers: dict[Sender, list[Edge]] = {}
        into: dict[Receiver, list[Edge]] = {}
        for edge in kept:
            consumers.setdefault(edge.sender, []).append(edge)
            into.setdefault(edge.receiver, []).append(edge)
        live = live_extents(caches.model.graph, spans, consumers)
        # Where each receiver reads which senders.
        reads: dict[Receiver, dict[Extent, list[Sender]]] = {}
        for receiver, edges in into.items():
            extent = spans.read_extent(caches.model.graph, receiver, live) or frozenset()
            for edge in edges:
                at = spans.part(edge.span) & extent
                if edge.sender in live and at:
                    reads.setdefault(receiver, {}).setdefault(at, []).append(edge.sender)
        moved = OutputChange(caches, live, {at for reading in reads.values() for at in reading})

        def read(receiver: Receiver, extent: Extent) -> Tensor:
            """`[row, d_model]`."""
            bare = self._bare[receiver.layer, receiver.stage]
            inside = caches.layout.cut(bare, caches.everywhere, extent).clone()
            for at, senders in reads.get(receiver, {}).items():
                add_at(inside, caches.layout.where(at, extent), moved.sum(senders, at))
            if inputs is not None:
                inputs[receiver] = extent, inside
            return inside

        if EMBED in live:
            moved.note(EMBED, -caches.delta_at(live[EMBED])[0])
        for layer in range(caches.model.graph.shape.n_layers):
            heads = {node: extent for node, extent in live.items() if (node.layer, node.stage) == (layer, Stage.HEAD)}
            if heads:
                self._attention(layer, heads, read, moved)
            mlp = Sender(layer, Stage.MLP)
            if mlp in live:
                block = caches.model.weights.blocks[layer]
                assert block.mlp is not None and block.mlp_norm is not None
                written = block.mlp(block.mlp_norm(read(Receiver(layer, Stage.MLP), live[mlp])))
                moved.note(mlp, written - self._ablated(mlp, live[mlp]))
        return caches.model.weights.final_norm(read(LOGITS, ANSWER)), moved

    def _attention(self, layer: int, live: Mapping[Sender, Extent], read: Read, moved: OutputChange) -> None:
        """Run a layer's live heads, and note what moved."""
        caches = self.caches
        weights, graph = caches.model.weights, caches.model.graph
        block = weights.blocks[layer]
        attention, at_keys = block.attention, caches.spans.read_from(frozenset().union(*live.values()))
        rows = caches.layout.rows(at_keys)
        inputs = {node: graph.inputs_of(node) for node in live}
        kv_heads = sorted({ports[1].head for ports in inputs.values()})
        grouped = graph.shape.grouped

        def at_all(port: Port, clean: Tensor) -> Tensor:
            """Keys or values of the live heads, `[kv head, prompt, key, d_head]`; clean where there are no rows."""
            projection = (attention.key if port is Port.K else attention.value).at(rows.positions)
            receivers = [Receiver(layer, Stage.HEAD, port, head, grouped) for head in kv_heads]
            inside = torch.stack([read(receiver, at_keys) for receiver in receivers])
            new = projection.select(_tensor(kv_heads, inside))(block.attention_norm(inside))
            made = clean[kv_heads].clone()
            made.flatten(1, 2)[:, rows.cells] = new
            return made

        clean_keys, clean_values = self._clean_keys_and_values(layer)
        keys, values = at_all(Port.K, clean_keys), at_all(Port.V, clean_values)
        for extent in dict.fromkeys(live.values()):
            nodes = [node for node in live if live[node] == extent]
            of_extent = caches.layout.rows(extent)
            heads = _tensor([node.head for node in nodes], keys)
            of_heads = _tensor([kv_heads.index(inputs[node][1].head) for node in nodes], keys)
            inside = torch.stack([read(inputs[node][0], extent) for node in nodes])
            query = attention.query.select(heads).at(of_extent.positions)(block.attention_norm(inside))
            mask = of_extent.masks[attention.window]
            pattern = attention.pattern(of_extent.to_grid(query), keys[of_heads], mask)
            z = of_extent.from_grid(attention.mix(pattern, values[of_heads]))
            written = attention.write(z, attention.share(caches.post_scale(layer, extent)), attention.out[heads])
            for node, out in zip(nodes, written, strict=True):
                moved.note(node, out - self._ablated(node, extent))

    def _ablated(self, node: Sender, extent: Extent) -> Tensor:
        """What a node's removed edges carry: `[row, d_model]`."""
        place = self.caches.model.graph.index[node]
        caches = self.caches
        return caches.layout.cut(caches.output[place] + caches.delta[place], caches.everywhere, extent)

    def _clean_keys_and_values(self, layer: int) -> tuple[Tensor, Tensor]:
        """`[kv head, prompt, key, d_head]` each, worked out when a layer is first used."""
        if layer not in self._clean:
            block = self.caches.model.weights.blocks[layer]
            normed = block.attention_norm(self.caches.full_residual(Receiver(layer, Stage.HEAD, Port.K)))
            attention = block.attention.at(slice(normed.shape[1]))
            self._clean[layer] = attention.key.shared(normed), attention.value.shared(normed)
        return self._clean[layer]


class OutputChange:
    """What live nodes write inside a circuit, less what their removed edges carry: `[row, d_model]` each.

    `read_at` are the extents at which any is read.
    """

    def __init__(self, caches: Caches, live: Mapping[Sender, Extent], read_at: Collection[Extent]) -> None:
        self._caches = caches
        self.live = live
        self._of: dict[Sender, Tensor] = {}  # each at its own extent
        self._read: dict[Extent, dict[Sender, Tensor]] = {at: {} for at in read_at}
        self._total = {at: caches.delta.new_zeros(caches.layout.n_rows(at), caches.delta.shape[-1]) for at in read_at}

    def note(self, node: Sender, moved: Tensor) -> None:
        """A node has been computed, at its extent; `moved` is known wherever that extent contains another."""
        self._of[node] = moved
        for at, read in self._read.items():
            if at <= self.live[node]:
                read[node] = self._caches.layout.cut(moved, self.live[node], at)
                self._total[at] += read[node]

    def removals(self) -> Tensor:
        """What removing an edge from each live node adds to a receiver's input: `[live node, row, d_model]`.

        Of a node that is read at some spans alone, nothing is known elsewhere: zero stands there.
        """
        caches = self._caches
        changed = caches.delta.new_zeros(len(self.live), *caches.delta.shape[1:])
        for own, (node, extent) in zip(changed, self.live.items(), strict=True):
            add_at(own, caches.layout.where(extent, caches.everywhere), -self._of[node])
        return changed

    def sum(self, senders: Sequence[Sender], at: Extent) -> Tensor:
        """Over some senders: added up, or, when these are most of them, all less the others."""
        moved = self._read[at]
        if 2 * len(senders) <= len(moved):
            return _sum([moved[sender] for sender in senders], self._total[at])
        chosen = set(senders)
        others = [part for node, part in moved.items() if node not in chosen]
        return self._total[at] - _sum(others, self._total[at])


def _sum(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.stack(list(parts)).sum(0) if parts else torch.zeros_like(like)


def live_extents(graph: Graph, spans: Spans, consumers: Mapping[Sender, Iterable[Edge]]) -> dict[Sender, Extent]:
    """The nodes with a kept path to the logits, in topological order, and where their outputs are read."""
    live: dict[Sender, Extent] = {}
    for node in reversed(graph.senders):
        if needed := spans.needed(graph, consumers.get(node, ()), live):
            live[node] = needed
    return dict(reversed(live.items()))


def _bare_inputs(caches: Caches) -> dict[tuple[int, Stage], Tensor]:
    """What receivers read when all their edges have been removed, by layer and stage: `[changed row, d_model]`."""
    graph = caches.model.graph
    bare = {}
    removed, counted = torch.zeros_like(caches.delta[0]), 0
    for receiver in sorted(graph.receivers, key=graph.n_senders_before):
        if (receiver.layer, receiver.stage) in bare:
            continue
        before = graph.n_senders_before(receiver)
        removed = removed + caches.delta[counted:before].sum(0)
        counted = before
        bare[receiver.layer, receiver.stage] = caches.residual(receiver, caches.everywhere) + removed
    return bare


def _tensor(places: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(places, device=like.device)
