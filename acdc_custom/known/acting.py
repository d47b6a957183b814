"""At which spans the edges of a known circuit act, for an ablation.

Owns the truth for searches in positions. An edge acts at a span if its removal there, and nothing else, changes what
its receiver's node writes, at tokens where that is read on the way to the logits. So a head's values act where it
attends, and its keys where they decide to what; a head reads keys and values at every token before its query, and most
of these it does not use. The metric has no part in it: an edge may act, and something later make up for it.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.spans import Extent
from acdc_custom.graph import Edge, Port, Receiver, Stage
from acdc_custom.known.wiring import NOISE, leading_on


@torch.no_grad()
def acting(circuit: Collection[Edge], caches: Caches) -> frozenset[Edge]:
    """The edges of a circuit at the spans where they act, on some of these prompts and with their ablation."""
    graph = caches.model.graph

    def acts(edge: Edge, span: str, written: Extent) -> bool:
        part = caches.spans.part(span)
        residual = caches.full_residual(edge.receiver)  # [prompt, pos, d_model], clean
        moved = torch.zeros_like(residual)
        moved.flatten(0, 1)[caches.layout.rows(part).cells] = caches.delta_at(part)[graph.index[edge.sender]]
        change = _writes(caches, edge.receiver, residual + moved) - _writes(caches, edge.receiver, residual)
        return bool((caches.layout.rows(written).of_batch(change).abs() > NOISE).any())

    return leading_on(graph, caches.spans, circuit, acts)


def _writes(caches: Caches, receiver: Receiver, x: Tensor) -> Tensor:
    """What the receiver's node writes, `[prompt, pos, d_model | vocab]`, if this input reads `x` and all others what
    they read on the clean prompts."""
    weights = caches.model.weights
    if receiver.stage is Stage.LOGITS:
        return weights.logits(weights.final_norm(x))
    block = weights.blocks[receiver.layer]
    if receiver.stage is Stage.MLP:
        assert block.mlp is not None and block.mlp_norm is not None
        mlp: Tensor = block.mlp(block.mlp_norm(x))
        return mlp
    attention, clean = block.attention, caches.full_residual(receiver)
    ports = {Port.Q: attention.query, Port.K: attention.key, Port.V: attention.value}
    head = torch.tensor([receiver.head], device=x.device)
    q, k, v = (
        projection.select(head)(block.attention_norm(x if port is receiver.port else clean)[None])
        for port, projection in ports.items()
    )
    return attention.mix(attention.pattern(q, k), v)[0] @ attention.out[receiver.head]
