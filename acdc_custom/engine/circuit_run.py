"""What a set of edges computes, straight from the definition: one forward pass through the circuit.

Every receiver reads the current output of its kept senders, each at the tokens of its edge's span, and what the
ablation puts in place of the others'. Used to
check and to describe the result of a search. Because it is a check, it stays apart on purpose: of `Attention` it takes
only the projections and the pattern, and writes out again what is read, how values are mixed and written, and the
share of a norm after the heads. It knows no rows, extents, candidates or live state. Leave it so: it could not check
what it shared with the search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import LOGITS, Edge, Port, Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model


class Observer(Protocol):
    """Who is told what nodes read and write inside a circuit, as they come, at every position."""

    def reads(self, receivers: Sequence[Receiver], inputs: Tensor) -> None:
        """`inputs` are `[receiver, prompt, pos, d_model]`, before any norm."""

    def writes(self, senders: Sequence[Sender], outputs: Tensor) -> None:
        """`outputs` are `[sender, prompt, pos, d_model]`; heads without their layer's output bias."""


@torch.no_grad()
def run_circuit(
    model: Model,
    tokens: TokenBatch,
    kept: Iterable[Edge],
    carried: AblatedActivations,
    observer: Observer | None = None,
) -> Tensor:
    """The circuit's final residual stream at the answer position, normalised: `[answer row, d_model]`."""
    graph, weights = model.graph, model.weights
    index, shape = graph.index, graph.shape
    clean = run(weights, tokens.clean)
    ablated = carried.outputs(weights, tokens, clean)
    # What each sender writes inside the circuit, less what its removed edges carry.
    moved = torch.zeros_like(ablated)  # [sender, prompt, pos, d_model]
    senders_of: dict[Receiver, dict[str, list[int]]] = {}  # by span
    for edge in kept:
        senders_of.setdefault(edge.receiver, {}).setdefault(edge.span, []).append(index[edge.sender])
    in_span = {name: (tokens.span_places == place)[..., None] for place, name in enumerate(tokens.spans.names)}
    empty = torch.zeros_like(clean.residuals[0])  # what removing all edges from the first `counted` senders adds
    counted = 0

    def read(receivers: list[Receiver], residual: Tensor) -> Tensor:
        """`[receiver, prompt, pos, d_model]`, from the clean residual stream there."""
        nonlocal counted
        while counted < graph.n_senders_before(receivers[0]):
            empty.add_(ablated[counted]).sub_(clean.outputs[counted])
            counted += 1
        inputs = []
        for receiver in receivers:
            x = residual + empty
            for span, senders in senders_of.get(receiver, {}).items():
                if not span:
                    x = x + moved[senders].sum(0)
                elif span in in_span:  # no prompt has another one
                    x = x + moved[senders].sum(0) * in_span[span]
            inputs.append(x)
        all_read = torch.stack(inputs)
        if observer is not None:
            observer.reads(receivers, all_read)
        return all_read

    def wrote(first: int, outputs: Tensor) -> None:
        """`outputs` `[sender, prompt, pos, d_model]` of the senders from number `first` on."""
        last = first + len(outputs)
        moved[first:last] = outputs - ablated[first:last]
        if observer is not None:
            observer.writes(graph.senders[first:last], outputs)

    positions = torch.arange(tokens.clean.shape[1], device=model.device)
    wrote(0, clean.outputs[:1])
    residuals = iter(clean.residuals)
    place = 1
    for layer, block in enumerate(weights.blocks):
        attention, residual = block.attention.at(positions), next(residuals)
        grouped = shape.grouped
        inputs = {
            port: [
                Receiver(layer, Stage.HEAD, port, head, grouped and port is not Port.Q)
                for head in range(shape.n_heads if port is Port.Q else shape.n_kv_heads)
            ]
            for port in (Port.Q, Port.K, Port.V)
        }
        q = attention.query(block.attention_norm(read(inputs[Port.Q], residual)))
        k = attention.key(block.attention_norm(read(inputs[Port.K], residual)))
        v = attention.value(block.attention_norm(read(inputs[Port.V], residual)))
        k, v = k.repeat_interleave(shape.group_size, 0), v.repeat_interleave(shape.group_size, 0)
        mask = attention.mask(positions, len(positions))[None]
        z = attention.pattern(q, k, mask) @ v
        written = torch.einsum("hnpe,hed->hnpd", z, attention.out)
        if attention.post_norm is not None:
            # The scale stays what it is in the clean run: see Attention.
            written = written * (clean.post_scales[layer] * attention.post_norm.weight)
        wrote(place, written)
        place += shape.n_heads
        if block.mlp is not None and block.mlp_norm is not None:
            (x,) = read([Receiver(layer, Stage.MLP)], next(residuals))
            wrote(place, block.mlp(block.mlp_norm(x))[None])
            place += 1
    (final,) = read([LOGITS], next(residuals))
    return weights.final_norm(final[tokens.is_answer])
