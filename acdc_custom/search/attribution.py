"""How much every edge helps, estimated from gradients: edge attribution patching.

Owns the scores of EAP (Syed et al. 2023, arXiv 2310.10348) and of EAP-IG on inputs (Hanna et al. 2024, arXiv
2403.17806). An edge's score is

    (what the edge carries - what the ablation puts in its place) . (the objective's gradient where the receiver reads)

summed over positions, mean over prompts: the first-order estimate of how far the objective falls when the edge is
removed. The objective is the logit difference, as in MIB (arXiv 2504.13151): positive scores help it. The KL divergence
from the full model would not do: it is at its minimum on the clean prompts, where its gradient is zero.

Gradients are worked out one layer at a time, from the last, so that memory is that of one layer. A norm after the heads
(Gemma 2) keeps its clean scale, as inside every circuit: see `Attention`. Knows nothing of searches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import torch
from torch import Tensor

from acdc_custom.engine.caches import Caches, Extent
from acdc_custom.engine.metrics import exact, negative_logit_diff
from acdc_custom.graph import LOGITS, Edge, Port, Receiver, Sender, Stage
from acdc_custom.model.forward import run
from acdc_custom.model.layers import Replaced

Receivers = tuple[Receiver, ...]


Points = Callable[[Caches], Iterator[Tensor]]  # residual streams of a chunk, each [read, prompt, pos, d_model]


@torch.no_grad()
def attribute(
    chunks: Sequence[Caches], points: Points, on_pass: Callable[[], object] = lambda: None
) -> dict[Edge, float]:
    """The score of every edge, in logits; positive: the edge helps the logit difference. In the order of the graph.

    `points` gives the residual streams at which gradients are taken, whose mean is the score: as many for every chunk.
    `on_pass` is called after each of them.
    """
    graph, totals, n = chunks[0].model.graph, dict[Receivers, Tensor](), 0
    for chunk in chunks:
        span, delta = chunk.spans[Extent.CHANGED], chunk.delta[Extent.CHANGED].flatten(1)  # [sender, row * d_model]
        for residuals in points(chunk):
            for receivers, gradient in _gradients(chunk, residuals, chunk.knocked_out):
                before = delta[: graph.n_senders_before(receivers[0])]
                lost = before @ span.of_batch(gradient).flatten(1).mT  # [sender, receiver]
                totals[receivers] = totals.get(receivers, 0) - exact(lost)
            n += len(chunk.tokens.clean)
            on_pass()
    scores = {
        receiver: column
        for receivers, total in totals.items()
        for receiver, column in zip(receivers, (total / n).mT.tolist(), strict=True)
    }
    return {edge: scores[edge.receiver][graph.index[edge.sender]] for edge in graph.edges()}


def clean_point(chunk: Caches) -> Iterator[Tensor]:
    """The model on the clean prompts, as EAP has it."""
    yield chunk.residuals


def embedding_points(chunk: Caches, steps: int) -> Iterator[Tensor]:
    """The model on embeddings between the ablated and the clean one, as EAP-IG on inputs has it: step k of m is k / m
    of the way, k = 1 ... m as in the paper."""
    weights, tokens = chunk.model.weights, chunk.tokens
    fixed = {}
    if chunk.knocked_out:
        ablated = chunk.carried.outputs(weights, tokens, run(weights, tokens.clean))
        fixed = {(head.layer, head.head): ablated[chunk.model.graph.index[head]] for head in chunk.knocked_out}
    clean = weights.embed(tokens.clean)  # [prompt, pos, d_model]
    to_ablated = torch.zeros_like(clean)
    to_ablated.flatten(0, 1)[chunk.spans[Extent.CHANGED].cells] = chunk.delta[Extent.CHANGED][0]
    for step in range(1, steps + 1):
        embedding = clean + (1 - step / steps) * to_ablated
        yield run(weights, tokens.clean, Replaced(fixed, chunk.post_scales, embedding)).residuals


def _gradients(chunk: Caches, residuals: Tensor, knocked_out: Collection[Sender]) -> Iterator[tuple[Receivers, Tensor]]:
    """Of the logit difference's sum over prompts with respect to what receivers read, from the logits down: each
    `[receiver, prompt, pos, d_model]`."""
    reads = list(residuals)
    gradient = _of_logits(chunk, reads.pop())  # of the residual stream, [prompt, pos, d_model]
    yield (LOGITS,), gradient[None]
    for number, block in reversed(list(enumerate(chunk.model.weights.blocks))):
        of_writes = gradient
        if block.mlp is not None and block.mlp_norm is not None:
            mlp, norm = block.mlp, block.mlp_norm
            own = _pulled_back(lambda x, mlp=mlp, norm=norm: mlp(norm(x)), [reads.pop()], gradient)
            yield (Receiver(number, Stage.MLP),), own[0][None]
            gradient = gradient + own[0]
            of_writes = of_writes if block.parallel else gradient
        for receivers, own_of_port in _of_heads(chunk, number, reads.pop(), of_writes, knocked_out):
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
    chunk: Caches, layer: int, residual: Tensor, of_writes: Tensor, knocked_out: Collection[Sender]
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
    # What a head that is knocked out writes does not depend on what it reads.
    of_mixed[[head.head for head in knocked_out if head.layer == layer]] = 0
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
