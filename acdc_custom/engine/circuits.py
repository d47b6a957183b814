"""Many circuits on the same prompts, each as fast as one can be.

Owns what makes the second circuit cheaper than the first: the clean run and what removed edges carry come from the
caches, only nodes with a kept path to the logits are computed, and each only at the positions where it is read.
`circuit_run.py` computes the same straight from the definition, and is what this is tested against.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent, read_extent
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
        inputs: dict[Receiver, Tensor] = {}
        _, moved = self._run(kept, inputs)
        delta, nodes = moved.removals(), list(moved.live)
        ablated = torch.stack([self._ablated(node, Extent.CHANGED) for node in nodes])
        return dataclasses.replace(
            self.caches,
            delta=delta,
            moves={extent: d.flatten(1).any(1).tolist() for extent, d in delta.items()},
            output=ablated - delta[Extent.CHANGED],
            places={node: place for place, node in enumerate(nodes)},
            inputs=inputs,
        )

    @torch.no_grad()
    def _run(self, kept: Iterable[Edge], inputs: dict[Receiver, Tensor] | None = None) -> tuple[Tensor, OutputChange]:
        """What comes out, and what live nodes write; what their receivers and the logits read is put into `inputs`."""
        senders_of: dict[Receiver, list[Sender]] = {}
        consumers: dict[Sender, list[Receiver]] = {}
        for edge in kept:
            senders_of.setdefault(edge.receiver, []).append(edge.sender)
            consumers.setdefault(edge.sender, []).append(edge.receiver)
        live = live_extents(self.caches.model.graph, consumers)
        moved = OutputChange(self.caches, live)

        def read(receiver: Receiver, extent: Extent) -> Tensor:
            """`[row, d_model]`."""
            bare = self._bare[receiver.layer, receiver.stage]
            if extent is not Extent.CHANGED:
                bare = self.caches.to_extent(bare, extent)
            inside = bare + moved.sum(senders_of.get(receiver, ()), extent)
            if inputs is not None:
                inputs[receiver] = inside
            return inside

        if EMBED in live:
            moved.note(EMBED, -self.caches.delta[live[EMBED]][0])
        for layer in range(self.caches.model.graph.shape.n_layers):
            heads = {node: extent for node, extent in live.items() if (node.layer, node.stage) == (layer, Stage.HEAD)}
            if heads:
                self._attention(layer, heads, read, moved)
            mlp = Sender(layer, Stage.MLP)
            if mlp in live:
                block = self.caches.model.weights.blocks[layer]
                assert block.mlp is not None and block.mlp_norm is not None
                written = block.mlp(block.mlp_norm(read(Receiver(layer, Stage.MLP), live[mlp])))
                moved.note(mlp, written - self._ablated(mlp, live[mlp]))
        return self.caches.model.weights.final_norm(read(LOGITS, Extent.ANSWER)), moved

    def _attention(self, layer: int, live: Mapping[Sender, Extent], read: Read, moved: OutputChange) -> None:
        """Run a layer's live heads, and note what moved."""
        caches = self.caches
        weights, graph = caches.model.weights, caches.model.graph
        block = weights.blocks[layer]
        attention, span = block.attention, caches.spans[Extent.CHANGED]
        inputs = {node: graph.inputs_of(node) for node in live}
        kv_heads = sorted({ports[1].head for ports in inputs.values()})
        grouped = graph.shape.grouped

        def at_all(port: Port, clean: Tensor) -> Tensor:
            """Keys or values of the live heads, `[kv head, prompt, key, d_head]`; clean before the first change."""
            projection = (attention.key if port is Port.K else attention.value).at(span.positions)
            receivers = [Receiver(layer, Stage.HEAD, port, head, grouped) for head in kv_heads]
            inside = torch.stack([read(receiver, Extent.CHANGED) for receiver in receivers])
            rows = projection.select(_tensor(kv_heads, inside))(block.attention_norm(inside))
            made = clean[kv_heads].clone()
            made.flatten(1, 2)[:, span.cells] = rows
            return made

        clean_keys, clean_values = self._clean_keys_and_values(layer)
        keys, values = at_all(Port.K, clean_keys), at_all(Port.V, clean_values)
        for extent in Extent:
            nodes = [node for node in live if live[node] is extent]
            if not nodes:
                continue
            of_extent = caches.spans[extent]
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
        return self.caches.to_extent(self.caches.output[place], extent) + self.caches.delta[extent][place]

    def _clean_keys_and_values(self, layer: int) -> tuple[Tensor, Tensor]:
        """`[kv head, prompt, key, d_head]` each, worked out when a layer is first used."""
        if layer not in self._clean:
            block = self.caches.model.weights.blocks[layer]
            normed = block.attention_norm(self.caches.full_residual(Receiver(layer, Stage.HEAD, Port.K)))
            attention = block.attention.at(slice(normed.shape[1]))
            self._clean[layer] = attention.key.shared(normed), attention.value.shared(normed)
        return self._clean[layer]


class OutputChange:
    """What live nodes write inside a circuit, less what their removed edges carry: `[row, d_model]` each."""

    def __init__(self, caches: Caches, live: Mapping[Sender, Extent]) -> None:
        self._caches = caches
        self.live = live
        self._of: dict[Extent, dict[Sender, Tensor]] = {extent: {} for extent in Extent}
        self._total = {extent: torch.zeros_like(caches.delta[extent][0]) for extent in Extent}

    def note(self, node: Sender, moved: Tensor) -> None:
        """A node has been computed, at its extent; `moved` is known wherever that extent contains another."""
        for extent in Extent:
            if extent <= self.live[node]:
                part = moved if extent is self.live[node] else self._caches.to_extent(moved, extent)
                self._of[extent][node] = part
                self._total[extent] = self._total[extent] + part

    def removals(self) -> dict[Extent, Tensor]:
        """What removing an edge from each live node adds to a receiver's input: `[live node, row, d_model]` each.

        Of a node that is read at the answer alone, nothing is known elsewhere: zero stands there.
        """
        answer = torch.stack([-self._of[Extent.ANSWER][node] for node in self.live])
        changed = self._total[Extent.CHANGED].new_zeros(len(answer), *self._total[Extent.CHANGED].shape)
        changed[:, self._caches.answer_rows] = answer
        for place, node in enumerate(self.live):
            if self.live[node] is Extent.CHANGED:
                changed[place] = -self._of[Extent.CHANGED][node]
        return {Extent.CHANGED: changed, Extent.ANSWER: answer}

    def sum(self, senders: Sequence[Sender], extent: Extent) -> Tensor:
        """Over some senders: added up, or, when these are most of them, all less the others."""
        moved = self._of[extent]
        if 2 * len(senders) <= len(moved):
            return _sum([moved[sender] for sender in senders], self._total[extent])
        chosen = set(senders)
        others = [part for node, part in moved.items() if node not in chosen]
        return self._total[extent] - _sum(others, self._total[extent])


def _sum(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.stack(list(parts)).sum(0) if parts else torch.zeros_like(like)


def live_extents(graph: Graph, consumers: Mapping[Sender, Iterable[Receiver]]) -> dict[Sender, Extent]:
    """The nodes with a kept path to the logits, in topological order, and where their outputs are read."""
    live: dict[Sender, Extent] = {}
    for node in reversed(graph.senders):
        extents = [extent for r in consumers.get(node, ()) if (extent := read_extent(graph, r, live)) is not None]
        if extents:
            live[node] = max(extents)
    return dict(reversed(live.items()))


def _bare_inputs(caches: Caches) -> dict[tuple[int, Stage], Tensor]:
    """What receivers read when all their edges have been removed, by layer and stage: `[changed row, d_model]`."""
    graph = caches.model.graph
    bare = {}
    removed, counted = torch.zeros_like(caches.delta[Extent.CHANGED][0]), 0
    for receiver in sorted(graph.receivers, key=graph.n_senders_before):
        if (receiver.layer, receiver.stage) in bare:
            continue
        before = graph.n_senders_before(receiver)
        removed = removed + caches.delta[Extent.CHANGED][counted:before].sum(0)
        counted = before
        bare[receiver.layer, receiver.stage] = caches.residual(receiver, Extent.CHANGED) + removed
    return bare


def _tensor(places: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(places, device=like.device)
