"""How much every edge helps, estimated from gradients: edge attribution patching.

Owns the scores of EAP (Syed et al. 2023, arXiv 2310.10348) and of EAP-IG on inputs and on activations (Hanna et al.
2024, arXiv 2403.17806; Mueller et al. 2025, arXiv 2504.13151), and the walk back through the layers that others share.
An edge's score is

    (what the edge carries - what the ablation puts in its place) . (the objective's gradient where the receiver reads)

summed over positions, mean over prompts: the first-order estimate of how far the objective falls when the edge is
removed. The objective is the logit difference, as in MIB (arXiv 2504.13151): positive scores help it. The KL divergence
from the full model would not do: it is at its minimum on the clean prompts, where its gradient is zero.

Gradients are worked out one layer at a time, from the last, so that memory is that of one layer. A norm after the heads
(Gemma 2) keeps its clean scale, as inside every circuit: see `Attention`. Knows nothing of searches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches
from acdc_custom.engine.metrics import exact, negative_logit_diff
from acdc_custom.graph import EMBED, LOGITS, Edge, Port, Receiver, Sender, Stage
from acdc_custom.model.forward import reads, run
from acdc_custom.model.layers import Replaced
from acdc_custom.progress.protocol import OnStep, no_step

Receivers = tuple[Receiver, ...]


@dataclass(frozen=True)
class Point:
    """Where gradients are taken. What nodes of `constant` write does not depend on what they read."""

    residuals: Tensor  # [read, prompt, pos, d_model]
    constant: Collection[Sender] = ()


Points = Callable[[Caches], Iterator[Point]]  # of a chunk


@torch.no_grad()
def attribute(
    chunks: Sequence[Caches], points: Points, on_step: OnStep = no_step, spans: Sequence[str] = ("",)
) -> dict[Edge, float]:
    """The score of every edge, in logits; positive: the edge helps the logit difference. In the order of the graph.

    `points` says where gradients are taken, whose mean is the score: at as many points for every chunk. `on_step` is
    called after each of them. Of `spans`, an edge has a score at each: what it scores at these tokens alone.
    """
    graph, totals, n = chunks[0].model.graph, dict[tuple[Receivers, str], Tensor](), 0
    for chunk in chunks:
        of_spans = {
            name: (chunk.layout.rows(at), chunk.delta_at(at)) for name in spans for at in [chunk.spans.part(name)]
        }
        for point in points(chunk):
            for receivers, gradient in _gradients(chunk, point.residuals, {*chunk.knocked_out, *point.constant}):
                for name, (rows, delta) in of_spans.items():
                    before = delta[: graph.n_senders_before(receivers[0])].flatten(1)  # [sender, row * d_model]
                    lost = before @ rows.of_batch(gradient).flatten(1).mT  # [sender, receiver]
                    totals[receivers, name] = totals.get((receivers, name), 0) - exact(lost)
            n += len(chunk.tokens.clean)
            on_step()
    scores = {
        (receiver, name): column
        for (receivers, name), total in totals.items()
        for receiver, column in zip(receivers, (total / n).mT.tolist(), strict=True)
    }
    return {edge: scores[edge.receiver, edge.span][graph.index[edge.sender]] for edge in graph.edges_at(spans)}


def clean_point(chunk: Caches) -> Iterator[Point]:
    """The model on the clean prompts, as EAP has it."""
    yield Point(chunk.residuals)


def embedding_points(chunk: Caches, steps: int, first: int = 1) -> Iterator[Point]:
    """The model on embeddings between the ablated and the clean one, as EAP-IG on inputs has it: step k of m is k / m
    of the way, from the `first` on: k = 1 ... m as in the paper, or k = 0 ... m - 1 as in the authors' code."""
    weights, tokens, fixed = chunk.model.weights, chunk.tokens, _knocked_out(chunk)
    clean, to_ablated = weights.embed(tokens.clean), _to_ablated(chunk, EMBED)  # [prompt, pos, d_model]
    for step in range(first, first + steps):
        embedding = clean + (1 - step / steps) * to_ablated
        yield Point(reads(weights, tokens.clean, Replaced(fixed, chunk.post_scales, embedding)))


def activation_points(chunk: Caches, steps: int) -> Iterator[Point]:
    """The model with one part of it between ablated and clean, as EAP-IG on activations has it: first what the
    embedding writes, then what all heads of a layer write, or its MLP, from the first layer to the last.

    Step k of m is k / m of the way, k = 1 ... m. Nothing flows back through a part that is set so.
    """
    graph, weights, tokens, fixed = chunk.model.graph, chunk.model.weights, chunk.tokens, _knocked_out(chunk)
    clean = run(weights, tokens.clean, Replaced(fixed, chunk.post_scales)).outputs  # [sender, prompt, pos, d_model]
    parts = dict.fromkeys((sender.layer, sender.stage) for sender in graph.senders)
    for part in parts:
        nodes = [sender for sender in graph.senders if (sender.layer, sender.stage) == part]
        for step in range(1, steps + 1):
            mixed = {node: clean[graph.index[node]] + (1 - step / steps) * _to_ablated(chunk, node) for node in nodes}
            heads = {(node.layer, node.head): out for node, out in mixed.items() if node.stage is Stage.HEAD}
            mlps = {node.layer: out for node, out in mixed.items() if node.stage is Stage.MLP}
            replaced = Replaced({**fixed, **heads}, chunk.post_scales, mixed.get(EMBED), mlps)
            yield Point(reads(weights, tokens.clean, replaced), nodes)


def _knocked_out(chunk: Caches) -> dict[tuple[int, int], Tensor]:
    """What heads that are knocked out write, by layer and head: `[prompt, pos, d_model]`."""
    if not chunk.knocked_out:
        return {}
    weights, tokens = chunk.model.weights, chunk.tokens
    ablated = chunk.carried.outputs(weights, tokens, run(weights, tokens.clean))
    return {(head.layer, head.head): ablated[chunk.model.graph.index[head]] for head in chunk.knocked_out}


def _to_ablated(chunk: Caches, node: Sender) -> Tensor:
    """From what a node writes on the clean prompts to what its removed edges carry: `[prompt, pos, d_model]`."""
    difference = torch.zeros_like(chunk.residuals[0])
    place = chunk.model.graph.index[node]
    difference.flatten(0, 1)[chunk.layout.rows(chunk.everywhere).cells] = chunk.delta[place]
    return difference


def _gradients(chunk: Caches, residuals: Tensor, constant: Collection[Sender]) -> Iterator[tuple[Receivers, Tensor]]:
    """Of the logit difference's sum over prompts with respect to what receivers read, from the logits down: each
    `[receiver, prompt, pos, d_model]`. What the nodes of `constant` write depends on nothing."""
    read = list(residuals)
    gradient = _of_logits(chunk, read.pop())  # of the residual stream, [prompt, pos, d_model]
    yield (LOGITS,), gradient[None]
    for number, block in reversed(list(enumerate(chunk.model.weights.blocks))):
        of_writes = gradient
        if block.mlp is not None and block.mlp_norm is not None:
            mlp, norm = block.mlp, block.mlp_norm
            residual = read.pop()
            if Sender(number, Stage.MLP) in constant:
                own = torch.zeros_like(residual)
            else:
                (own,) = _pulled_back(lambda x, mlp=mlp, norm=norm: mlp(norm(x)), [residual], gradient)
            yield (Receiver(number, Stage.MLP),), own[None]
            gradient = gradient + own
            of_writes = of_writes if block.parallel else gradient
        for receivers, own_of_port in _of_heads(chunk, number, read.pop(), of_writes, constant):
            yield receivers, own_of_port
            gradient = gradient + own_of_port.sum(0)


def _of_logits(chunk: Caches, residual: Tensor) -> Tensor:
    """Of what the logits read, `[prompt, pos, d_model]`: zero but at the answers."""
    weights, tokens = chunk.model.weights, chunk.tokens
    negative = negative_logit_diff(weights, tokens)
    gradient = torch.zeros_like(residual)
    (gradient[tokens.is_answer],) = _pulled_back(
        lambda x: -negative(weights.final_norm(x)[None]).sum(), [residual[tokens.is_answer]], None
    )
    return gradient


def _of_heads(
    chunk: Caches, layer: int, residual: Tensor, of_writes: Tensor, constant: Collection[Sender]
) -> list[tuple[Receivers, Tensor]]:
    """Of what each head's inputs read, by port: `[head, prompt, pos, d_model]`, from that of what the heads write."""
    weights, shape = chunk.model.weights, chunk.model.graph.shape
    norm, attention = weights.blocks[layer].attention_norm, weights.blocks[layer].attention.at(slice(residual.shape[1]))

    def mixed(for_q: Tensor, for_k: Tensor, for_v: Tensor) -> Tensor:
        q, k, v = attention.query(norm(for_q)), attention.key(norm(for_k)), attention.value(norm(for_v))
        return attention.attend(q, k, v)  # [head, prompt, pos, d_head]

    share = attention.share(chunk.post_scales.get(layer))
    if share is not None:
        of_writes = of_writes * share
    of_mixed = torch.einsum("npd,hed->hnpe", of_writes, attention.out)
    of_mixed[[node.head for node in constant if node.layer == layer and node.stage is Stage.HEAD]] = 0
    ports = {Port.Q: shape.n_heads, Port.K: shape.n_kv_heads, Port.V: shape.n_kv_heads}
    own = _pulled_back(mixed, [residual.expand(n, -1, -1, -1) for n in ports.values()], of_mixed)
    return [
        (tuple(Receiver(layer, Stage.HEAD, port, h, shape.grouped and port is not Port.Q) for h in range(n)), gradient)
        for (port, n), gradient in zip(ports.items(), own, strict=True)
    ]


def _pulled_back(function: Callable[..., Tensor], at: Sequence[Tensor], gradient: Tensor | None) -> Sequence[Tensor]:
    """From the gradient of what a function gives to those of what it was given; None: the function gives a number."""
    leaves = [x.detach().requires_grad_() for x in at]
    with torch.enable_grad():
        out = function(*leaves)
    return torch.autograd.grad(out, leaves, gradient)
