"""What a circuit computes inside, gathered from its run, for a loaded model to be filled with.

Owns what each receiver makes of what it reads; where that goes in a model is `model/places.py`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import Edge, Port, Receiver, Sender, Stage
from acdc_custom.model.model import Model
from acdc_custom.model.places import HEAD_PORTS, Inside, LayerInside


def run_inside(
    model: Model, chunks: Sequence[TokenBatch], kept: Iterable[Edge], carried: AblatedActivations
) -> tuple[Tensor, Inside]:
    """As `run_circuit` of these prompts: `[answer row, d_model]`; and what the circuit computes inside."""
    edges, normed, parts = list(kept), [], []
    for chunk in chunks:
        gathered = _Gathered(model)
        normed.append(run_circuit(model, chunk, edges, carried, gathered))
        parts.append(gathered)
    layers = tuple(
        LayerInside(
            {port: torch.cat([part.projected[number][port] for part in parts]) for port in HEAD_PORTS},
            {port: torch.cat([part.normed[number][port] for part in parts]) for port in parts[0].normed[number]},
            _joined([part.attention.get(number) for part in parts]),
            _joined([part.mlp.get(number) for part in parts]),
        )
        for number in range(len(model.weights.blocks))
    )
    return torch.cat(normed), Inside(layers, torch.cat([part.final for part in parts]))


class _Gathered:
    """An observer of one run. Everything is `[prompt, pos, ...]`, as in a model."""

    def __init__(self, model: Model) -> None:
        self.blocks = model.weights.blocks
        self.projected: list[dict[Port, Tensor]] = [{} for _ in self.blocks]
        self.normed: list[dict[Port, Tensor]] = [{} for _ in self.blocks]
        self.attention: dict[int, Tensor] = {}
        self.mlp: dict[int, Tensor] = {}
        self.final = torch.empty(0)

    def reads(self, receivers: Sequence[Receiver], inputs: Tensor) -> None:
        layer, stage, port = receivers[0].layer, receivers[0].stage, receivers[0].port
        if stage is Stage.LOGITS:
            self.final = inputs[0]
            return
        block = self.blocks[layer]
        if stage is Stage.MLP:
            assert block.mlp_norm is not None
            self.mlp[layer] = block.mlp_norm(inputs[0])
            return
        attention = block.attention
        projection = {Port.Q: attention.query, Port.K: attention.key, Port.V: attention.value}[port]
        product = replace(projection, norm=None, rotary=None, joint=None)
        x = block.attention_norm(inputs)
        self.projected[layer][port] = product(x).movedim(0, 2)
        if projection.joint is not None:
            self.normed[layer][port] = replace(projection, rotary=None)(x).movedim(0, 2)

    def writes(self, senders: Sequence[Sender], outputs: Tensor) -> None:
        layer = senders[0].layer
        if senders[0].stage is Stage.HEAD and self.blocks[layer].attention.post_norm is not None:
            self.attention[layer] = outputs.sum(0)


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None
