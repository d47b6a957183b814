"""The nodes that are alive, as they stand inside the circuit so far.

Owns the current inputs and outputs of every node with a kept path to the logits, stacked per layer so that
alike nodes are computed together. A bank starts out clean, when its layer is reached: nothing upstream has
been pruned then. `Change` is how a window of candidates would alter a bank, and how one of them is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.graph import LOGITS, Port, Receiver, Sender, Stage


@dataclass(frozen=True)
class Change:
    """New contents for some rows of a bank's tensor, one version per candidate.

    `value` is `[row, candidate, ...]`; it replaces the rows, or is added to them if `added`.
    """

    target: Tensor
    rows: Tensor
    value: Tensor
    added: bool = False

    def commit(self, candidate: int) -> None:
        """Make one candidate's version the current one."""
        if self.added:
            self.target.index_add_(0, self.rows, self.value[:, candidate])
        else:
            self.target.index_copy_(0, self.rows, self.value[:, candidate])


@dataclass
class KeyValueBank:
    """The k or the v inputs of a layer's live key/value heads, and the keys or values made from them."""

    heads: list[int]
    input: Tensor  # [row, prompt, pos, d_model], from the prefix on
    made: Tensor  # [row, prompt, key, d_head], all positions: the prefix never changes


@dataclass
class QueryBank:
    """A layer's live heads whose output is needed at one extent."""

    extent: Extent
    heads: list[int]
    input: Tensor  # [row, prompt, pos, d_model]
    query: Tensor  # [row, prompt, pos, d_head]
    pattern: Tensor  # [row, prompt, pos, key]
    output: Tensor  # [row, prompt, pos, d_model]


@dataclass
class AttentionState:
    """One layer's live heads."""

    keys: KeyValueBank
    values: KeyValueBank
    queries: list[QueryBank]


@dataclass
class PlainState:
    """A live MLP, or the logits: one input. Rows exist (there is one) so that changes look alike everywhere."""

    extent: Extent
    input: Tensor  # [1, prompt, pos, d_model]
    output: Tensor  # [1, prompt, pos, d_model]; empty for the logits


@dataclass
class LiveState:
    """All live nodes so far, from the logits down."""

    logits: PlainState
    attention: dict[int, AttentionState] = field(default_factory=dict)
    mlp: dict[int, PlainState] = field(default_factory=dict)


def start(caches: Caches) -> LiveState:
    """The state before anything is removed: only the logits are alive."""
    residual = caches.residual(LOGITS, Extent.ANSWER)[None].clone()
    return LiveState(PlainState(Extent.ANSWER, residual, residual.new_empty(0)))


def open_mlp(caches: Caches, layer: int, extent: Extent) -> PlainState:
    """A live MLP in its clean state."""
    node = Sender(layer, Stage.MLP)
    residual = caches.residual(Receiver(layer, Stage.MLP), extent)
    return PlainState(extent, residual[None].clone(), _outputs(caches, [node], extent))


def open_attention(caches: Caches, layer: int, live: dict[int, Extent]) -> AttentionState:
    """A layer's live heads, each with the extent of its output, in their clean state."""
    block = caches.model.weights.blocks[layer]
    attention, rotary = block.attention, caches.model.weights.rotary
    receiver = Receiver(layer, Stage.HEAD, Port.Q)
    normed = block.attention_norm(caches.full_residual(receiver))  # [prompt, key, d_model]
    n_keys = normed.shape[1]

    group_size = caches.model.graph.shape.group_size
    kv_heads = sorted({head // group_size for head in live})
    kv_rows = _rows(kv_heads, normed)
    keys = attention.key.select(kv_rows).shared(normed)
    if rotary is not None:
        keys = rotary.at(torch.arange(n_keys, device=normed.device))(keys)
    values = attention.value.select(kv_rows).shared(normed)
    residual = caches.residual(receiver, Extent.CHANGED)

    def bank(made: Tensor) -> KeyValueBank:
        return KeyValueBank(kv_heads, residual.repeat(len(kv_heads), 1, 1, 1), made)

    queries = []
    for extent in Extent:
        heads = sorted(head for head, needed in live.items() if needed is extent)
        if not heads:
            continue
        span = caches.spans[extent]
        own = caches.residual(receiver, extent)
        query = attention.query.select(_rows(heads, normed)).shared(block.attention_norm(own))
        if span.rotary is not None:
            query = span.rotary(query)
        of_heads = _rows([kv_heads.index(head // group_size) for head in heads], normed)
        queries.append(
            QueryBank(
                extent,
                heads,
                own.repeat(len(heads), 1, 1, 1),
                query,
                attention.pattern(query, keys[of_heads], span.mask, ""),
                _outputs(caches, [Sender(layer, Stage.HEAD, head) for head in heads], extent),
            )
        )
    return AttentionState(bank(keys), bank(values), queries)


def _rows(rows: Sequence[int], like: Tensor) -> Tensor:
    return torch.tensor(rows, device=like.device)


def _outputs(caches: Caches, nodes: list[Sender], extent: Extent) -> Tensor:
    index = caches.model.graph.index
    clean = caches.output[[index[node] for node in nodes]]
    return caches.at_extent(clean, extent)
