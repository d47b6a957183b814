"""The nodes that are alive, as they stand inside the circuit so far.

Owns the current inputs and outputs of every node with a kept path to the logits, stacked per layer so that nodes that
are needed at the same spans are computed together. A bank starts out clean, when its layer is reached: nothing upstream
has been pruned then. `Change` is how a bank is altered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.rows import Where
from acdc_custom.engine.spans import ANSWER, Extent
from acdc_custom.graph import LOGITS, Port, Receiver, Sender, Stage


@dataclass(frozen=True)
class Change:
    """New contents for some entries of a bank's tensor, or for some rows of them: `value` is `[entry, row, ...]`."""

    target: Tensor  # [entry, row, ...]
    entries: Tensor
    value: Tensor
    rows: Where = None

    def commit(self) -> None:
        """Make them the current ones."""
        if isinstance(self.rows, Tensor):
            self.target[self.entries[:, None], self.rows] = self.value
        else:
            self.target[:, self.rows or slice(None)].index_copy_(0, self.entries, self.value)


@dataclass
class KeyValueBank:
    """The k or the v inputs of a layer's live key/value heads, and the keys or values made from them."""

    extent: Extent  # where any of the layer's live heads can read them
    heads: list[int]
    input: Tensor  # [head, row, d_model]
    made: Tensor  # [head, prompt, key, d_head], all positions: where there are no rows they stay as they are


@dataclass
class QueryBank:
    """A layer's live heads whose output is needed at one extent."""

    extent: Extent
    heads: list[int]
    input: Tensor  # [head, row, d_model]
    query: Tensor  # [head, row, d_head]
    pattern: Tensor  # [head, prompt, place, key]
    output: Tensor  # [head, row, d_model]
    share: Tensor | None  # [row, d_model]: see `Attention.share`


@dataclass
class AttentionState:
    """One layer's live heads."""

    keys: KeyValueBank
    values: KeyValueBank
    queries: list[QueryBank]
    query_extents: dict[int, Extent]  # by head


@dataclass
class PlainState:
    """A live MLP, or the logits: one input. Entries exist (there is one) so that changes look alike everywhere."""

    extent: Extent
    input: Tensor  # [1, row, d_model]
    output: Tensor  # [1, row, d_model]; empty for the logits


@dataclass
class LiveState:
    """All live nodes so far, from the logits down, and where each of their inputs is read."""

    logits: PlainState
    attention: dict[int, AttentionState] = field(default_factory=dict)
    mlp: dict[int, PlainState] = field(default_factory=dict)

    def extent_of(self, receiver: Receiver) -> Extent:
        """Where a live node's input is read. A key or a value may have been made for other heads elsewhere too."""
        match receiver.stage:
            case Stage.LOGITS:
                return self.logits.extent
            case Stage.MLP:
                return self.mlp[receiver.layer].extent
        attention = self.attention[receiver.layer]
        match receiver.port:
            case Port.Q:
                return attention.query_extents[receiver.head]
            case Port.K:
                return attention.keys.extent
            case _:
                return attention.values.extent


def start(caches: Caches) -> LiveState:
    """The state before anything is removed: only the logits are alive."""
    residual = caches.residual(LOGITS, ANSWER)[None]
    return LiveState(PlainState(ANSWER, residual, residual.new_empty(0)))


def open_mlp(caches: Caches, layer: int, extent: Extent) -> PlainState:
    """A live MLP in its clean state."""
    residual = caches.residual(Receiver(layer, Stage.MLP), extent)[None]
    return PlainState(extent, residual, caches.clean_output([Sender(layer, Stage.MLP)], extent).clone())


def open_attention(caches: Caches, layer: int, live: dict[int, Extent]) -> AttentionState:
    """A layer's live heads, each with the extent of its output, in their clean state."""
    block = caches.model.weights.blocks[layer]
    attention, group_size = block.attention, block.attention.group_size
    receiver = Receiver(layer, Stage.HEAD, Port.Q)
    normed = block.attention_norm(caches.full_residual(receiver))  # [prompt, key, d_model]

    kv_heads = sorted({head // group_size for head in live})
    kv_extent = caches.spans.read_from(frozenset().union(*live.values()))
    selected = _tensor(kv_heads, normed)
    everywhere = attention.at(slice(normed.shape[1]))
    keys, values = (p.select(selected).shared(normed) for p in (everywhere.key, everywhere.value))
    key_inputs, value_inputs = (_inputs(caches, layer, port, kv_heads, kv_extent) for port in (Port.K, Port.V))
    if caches.inputs is not None:
        rows = caches.layout.rows(kv_extent)
        at_rows = attention.at(rows.positions)
        for made, inside, projection in (
            (keys, key_inputs, at_rows.key),
            (values, value_inputs, at_rows.value),
        ):
            # Where there are no rows they stay as they are.
            made.flatten(1, 2)[:, rows.cells] = projection.select(selected)(block.attention_norm(inside))

    queries = []
    by_extent: dict[Extent, list[int]] = {}
    for head in sorted(live):
        by_extent.setdefault(live[head], []).append(head)
    for extent, heads in by_extent.items():
        rows = caches.layout.rows(extent)
        projection = attention.query.select(_tensor(heads, normed)).at(rows.positions)
        inputs = _inputs(caches, layer, Port.Q, heads, extent)
        if caches.inputs is None:
            query = projection.shared(rows.of_batch(normed)[None])[:, 0]
        else:
            query = projection(block.attention_norm(inputs))
        of_heads = _tensor([kv_heads.index(head // group_size) for head in heads], normed)
        nodes = [Sender(layer, Stage.HEAD, head) for head in heads]
        queries.append(
            QueryBank(
                extent,
                heads,
                inputs,
                query,
                attention.pattern(rows.to_grid(query), keys[of_heads], rows.masks[attention.window]),
                caches.clean_output(nodes, extent).clone(),
                attention.share(caches.post_scale(layer, extent)),
            )
        )
    return AttentionState(
        KeyValueBank(kv_extent, kv_heads, key_inputs, keys),
        KeyValueBank(kv_extent, kv_heads, value_inputs, values),
        queries,
        live,
    )


def _inputs(caches: Caches, layer: int, port: Port, heads: Sequence[int], extent: Extent) -> Tensor:
    """What these heads of a layer read at a port: `[head, row, d_model]`, of its own."""
    grouped = caches.model.graph.shape.grouped and port is not Port.Q
    receivers = [Receiver(layer, Stage.HEAD, port, head, grouped) for head in heads]
    if caches.inputs is None:
        return caches.residual(receivers[0], extent).repeat(len(heads), 1, 1)
    return torch.stack([caches.residual(receiver, extent) for receiver in receivers])


def _tensor(places: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(places, device=like.device)
