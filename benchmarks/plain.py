"""Searches without the engine's shortcuts, to measure the engine against: one forward pass per edge.

A forward pass computes every node at every position, and every receiver reads the residual stream plus a masked sum
over all senders' differences, as in auto-circuit 1.0.1, the fastest tool there was. Written in plain batched tensor
operations without module wrappers and hooks, and with the engine's own matrix products, so that what is compared is
the algorithm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.graph import LOGITS, Edge, Port, Receiver, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model
from acdc_custom.search.order import visiting_order


class PlainCircuit:
    """The mean KL from the full model, in nats, of a circuit that is changed edge by edge."""

    def __init__(self, model: Model, tokens: TokenBatch) -> None:
        self.model, self.tokens = model, tokens
        weights, shape = model.weights, model.graph.shape
        clean = run(weights, tokens.clean)
        self.clean, self.residuals = clean.outputs, clean.residuals
        self.ablated = run(weights, tokens.corrupted).outputs  # [sender, prompt, pos, d_model]
        n_heads = {Port.Q: shape.n_heads, Port.K: shape.n_kv_heads, Port.V: shape.n_kv_heads, Port.IN: 1}
        self.removed = {  # by layer and port, [receiver, sender]
            (r.layer, r.stage, r.port): torch.zeros(n_heads[r.port], model.graph.n_senders_before(r))
            for r in model.graph.receivers
        }
        positions = torch.arange(tokens.clean.shape[1])
        self.masks = [block.attention.mask(positions, len(positions))[None] for block in weights.blocks]
        final = weights.final_norm(self.residuals[-1])
        self.log_p = weights.logits(final)[tokens.is_answer].log_softmax(-1)

    def set_removed(self, edge: Edge, removed: bool) -> None:
        """Take an edge out of the circuit, or put it back."""
        r = edge.receiver
        self.removed[r.layer, r.stage, r.port][r.head, self.model.graph.index[edge.sender]] = removed

    @torch.no_grad()
    def kl(self, first_layer: int) -> float:
        """Restarts at a layer, whose residual stream is the clean run's; goes on to the logits of every position."""
        weights, shape = self.model.weights, self.model.graph.shape
        current = self.clean.clone()
        residual = self.residuals[first_layer * (1 + shape.has_mlp)]
        place = 1 + first_layer * (shape.n_heads + shape.has_mlp)

        def read(receiver: tuple[int, Stage, Port], stream: Tensor) -> Tensor:
            """The inputs of a layer's receivers of one port, `[receiver, prompt, pos, d_model]`."""
            removed = self.removed[receiver]
            n = removed.shape[1]
            return stream + torch.einsum("rs,snpd->rnpd", removed, self.ablated[:n] - current[:n])

        for layer, block in enumerate(weights.blocks[first_layer:], first_layer):
            attention, norm, before = block.attention.at(slice(residual.shape[-2])), block.attention_norm, residual
            q = attention.query(norm(read((layer, Stage.HEAD, Port.Q), before)))
            k = attention.key(norm(read((layer, Stage.HEAD, Port.K), before)))
            v = attention.value(norm(read((layer, Stage.HEAD, Port.V), before)))
            k, v = k.repeat_interleave(shape.group_size, 0), v.repeat_interleave(shape.group_size, 0)
            z = attention.pattern(q, k, self.masks[layer]) @ v
            heads = torch.einsum("hnpe,hed->hnpd", z, attention.out)
            current[place : place + shape.n_heads] = heads
            place += shape.n_heads
            residual = residual + heads.sum(0)
            if attention.out_bias is not None:
                residual = residual + attention.out_bias
            if block.mlp is not None and block.mlp_norm is not None:
                (x,) = read((layer, Stage.MLP, Port.IN), residual)
                current[place] = block.mlp(block.mlp_norm(x))
                residual = residual + current[place]
                place += 1
                if block.mlp.bias_out is not None:
                    residual = residual + block.mlp.bias_out
        (final,) = read((LOGITS.layer, LOGITS.stage, LOGITS.port), residual)
        log_q = weights.logits(weights.final_norm(final))[self.tokens.is_answer].log_softmax(-1)
        return float((self.log_p.exp() * (self.log_p - log_q)).sum(-1).double().mean())


@dataclass
class PlainSearch:
    """ACDC, one forward pass per edge."""

    circuit: PlainCircuit
    tau: float
    kept: list[Edge] = field(default_factory=list)
    evaluations: int = 0
    seconds: float = 0.0

    def run(self, first_layer: Callable[[Receiver], int], skips: Callable[[Receiver, list[Edge]], bool]) -> PlainSearch:
        """`first_layer`: where the pass for an edge into a receiver begins; `skips`: whether it needs none."""
        graph = self.circuit.model.graph
        order = visiting_order(graph)
        started = time.perf_counter()
        now = self.circuit.kl(0)
        for receiver in order.receivers:
            skipped = skips(receiver, self.kept)
            for sender in order.senders_to(graph, receiver):
                edge = Edge(sender, receiver)
                self.circuit.set_removed(edge, True)
                if skipped:
                    continue
                self.evaluations += 1
                without = self.circuit.kl(first_layer(receiver))
                if without - now < self.tau:
                    now = without
                else:
                    self.circuit.set_removed(edge, False)
                    self.kept.append(edge)
        self.seconds = time.perf_counter() - started
        return self


def restart_layer(model: Model) -> Callable[[Receiver], int]:
    """The receiver's own layer; the logits' is the last one, as in auto-circuit."""
    last = model.graph.shape.n_layers - 1
    return lambda receiver: min(receiver.layer, last)


def skip_dead(model: Model) -> Callable[[Receiver, list[Edge]], bool]:
    """True for receivers none of whose nodes has a kept outgoing edge."""

    def skips(receiver: Receiver, kept: list[Edge]) -> bool:
        nodes = model.graph.nodes_of(receiver)
        return bool(nodes) and not any(edge.sender in nodes for edge in kept)

    return skips
