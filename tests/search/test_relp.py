"""RelP's scores are those of a second implementation: a plain forward pass by torch.autograd, with `.detach()` where
the rules want it, one prompt at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oracle
import pytest
import torch
from scored import chunks_of
from tiny import NAMES, TinyPrompt, crossed, random_prompts, tiny
from torch import Tensor

from acdc_custom.choices import Ablation
from acdc_custom.graph import Edge, Sender
from acdc_custom.model.forward import run
from acdc_custom.model.model import Model
from acdc_custom.search.methods import eap, relp
from acdc_custom.search.methods.relp import METHOD


def ruled_norm(x: Tensor, w: Any) -> Tensor:
    """The LN-rule."""
    if w.kind == "no norm":
        return x
    if w.kind == "layer norm":
        x = x - x.mean(-1, keepdim=True)
    out = x / (x.pow(2).mean(-1, keepdim=True) + w.eps).sqrt().detach() * w.weight
    return out if w.bias is None else out + w.bias


def ruled_mlp(x: Tensor, mlp: Any) -> Tensor:
    """The identity rule, and the half-rule where there is a gate."""

    def activation(read: Tensor) -> Tensor:
        return read * (mlp.activation(read) / read).detach()

    hidden = x @ mlp.weight_in + (0 if mlp.bias_in is None else mlp.bias_in)
    if mlp.weight_gate is None:
        hidden = activation(hidden)
    else:
        product = activation(x @ mlp.weight_gate + (0 if mlp.bias_gate is None else mlp.bias_gate)) * hidden
        hidden = product / 2 + (product / 2).detach()
    out = hidden @ mlp.weight_out
    return out if mlp.post_norm is None else ruled_norm(out, mlp.post_norm)


def plain_scores(
    model: Model, prompts: list[TinyPrompt], ablation: Ablation = Ablation.CORRUPTED
) -> dict[tuple[str, str], float]:
    """By edge: what is read by a receiver is a leaf of its own, which adds nothing but whose gradient is taken."""
    weights, shape = model.weights, model.graph.shape
    clean = [oracle.forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [oracle.forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = oracle.ablated_outputs(ablation.value, prompts, clean, corrupted)
    totals = {(str(e.sender), str(e.receiver)): 0.0 for e in model.graph.edges()}
    for prompt, (outputs, _, scales), carried in zip(prompts, clean, ablated, strict=True):
        leaves: dict[str, Tensor] = {}

        def reading(receiver: str, stream: Tensor, leaves: dict[str, Tensor] = leaves) -> Tensor:
            leaf = leaves.setdefault(receiver, torch.zeros_like(stream).requires_grad_())
            return stream + leaf

        logits = ruled_forward(weights, torch.tensor(prompt.clean_ids), shape, scales, reading)
        of = logits[list(prompt.answer_ids)].mean() - logits[list(prompt.foil_ids)].mean()
        gradients = dict(zip(leaves, torch.autograd.grad(of, list(leaves.values())), strict=True))
        for sender, receiver in totals:
            lost = (outputs[sender] - carried[sender]) * gradients[receiver]
            totals[sender, receiver] += float(lost.sum()) / len(prompts)
    return totals


def ruled_forward(
    weights: Any, tokens: Tensor, shape: Any, scales: dict[int, Tensor], reading: Callable[[str, Tensor], Tensor]
) -> Tensor:
    """The logits after the last token."""
    stream = weights.embed(tokens[None])[0]
    for layer, block in enumerate(weights.blocks):
        attention, before = block.attention, stream
        for head in range(shape.n_heads):
            group = head // shape.group_size
            owner = f"a{layer}.kv{group}" if shape.grouped else f"a{layer}.h{head}"
            read = {
                "q": reading(f"a{layer}.h{head}.q", before),
                "k": reading(f"{owner}.k", before),
                "v": reading(f"{owner}.v", before),
            }
            projections = {"q": attention.query, "k": attention.key, "v": attention.value}
            made = {}
            for port, x in read.items():
                of, number = projections[port], head if port == "q" else group
                made[port] = ruled_norm(x, block.attention_norm) @ of.weight[number]
                if of.bias is not None:
                    made[port] = made[port] + of.bias[number]
                if of.joint is not None:
                    every = torch.cat([ruled_norm(x, block.attention_norm) @ weight for weight in of.weight], -1)
                    scale = (every.pow(2).mean(-1, keepdim=True) + of.joint.eps).rsqrt().detach()
                    made[port] = made[port] * scale * of.joint.gain[number]
                if of.norm is not None:
                    made[port] = ruled_norm(made[port], of.norm)
            q, k = (oracle.rotate(made[port], projections[port].rotary) for port in "qk")
            written = oracle.attend(q, k, attention) @ made["v"] @ attention.out[head]
            if attention.post_norm is not None:
                written = written * scales[layer] * attention.post_norm.weight
            stream = stream + written
        if attention.out_bias is not None:
            stream = stream + attention.out_bias
        if block.mlp is not None:
            read_by_mlp = reading(f"m{layer}", before if block.parallel else stream)
            stream = stream + ruled_mlp(ruled_norm(read_by_mlp, block.mlp_norm), block.mlp)
            if block.mlp.bias_out is not None:
                stream = stream + block.mlp.bias_out
    logits = ruled_norm(reading("logits", stream), weights.final_norm)[-1] @ weights.unembedding.T
    if weights.unembedding_bias is not None:
        logits = logits + weights.unembedding_bias
    return oracle.capped(logits, weights.logit_soft_cap)


def agrees(scores: dict[Edge, float], expected: dict[tuple[str, str], float]) -> None:
    """Up to the millionth by which an activation's input is moved from zero."""
    largest = max(map(abs, expected.values()))
    assert largest > 0.1
    found = {(str(edge.sender), str(edge.receiver)): score for edge, score in scores.items()}
    assert found == pytest.approx(expected, abs=1e-4 * largest)


@pytest.mark.parametrize("name", crossed(NAMES))
def test_on_every_architecture_scores_are_those_of_autograd_with_what_the_rules_detach(name: str) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=2)
    agrees(METHOD.scores(chunks_of(model, prompts)), plain_scores(model, prompts))


@pytest.mark.parametrize("ablation", Ablation)
def test_so_they_are_under_every_ablation_and_for_prompts_taken_one_at_a_time(ablation: Ablation) -> None:
    model, prompts = tiny("llama", 3), random_prompts(3)
    agrees(METHOD.scores(chunks_of(model, prompts, ablation, size=1)), plain_scores(model, prompts, ablation))


@pytest.mark.parametrize("name", crossed(NAMES))
def test_the_rules_leave_what_the_model_computes_as_it_is(name: str) -> None:
    (chunk,) = chunks_of(tiny(name, 1), random_prompts(1))
    ruled = relp._by_rules(chunk).model.weights
    assert torch.allclose(run(ruled, chunk.tokens.clean).outputs, run(chunk.model.weights, chunk.tokens.clean).outputs)


def test_without_norms_and_mlps_it_is_eap() -> None:
    chunks = chunks_of(tiny("attention only, no norm", 0), random_prompts(0))
    assert METHOD.scores(chunks) == pytest.approx(eap.METHOD.scores(chunks), abs=1e-12)


def test_what_comes_back_to_a_gate_is_shared_with_what_it_multiplies() -> None:
    """A gated MLP of one neuron, by hand: 3 of what 6 carries goes to each factor."""
    *_, rule_mlp = relp._rules()
    one = torch.ones(1, 1, dtype=torch.float64)
    x = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    mlp = rule_mlp(one, None, 3 * one, one, None, relp._identity(torch.relu))
    hidden = mlp.hidden(x)  # relu(3 x) * x = 12
    assert float(hidden.detach()) == 12
    hidden.backward()
    assert x.grad is not None and float(x.grad) * 2 == pytest.approx(12)  # a gradient would say 24


def test_heads_that_are_knocked_out_pass_nothing_on() -> None:
    model, heads = tiny("gpt2", 4), [Sender.parse("a0.h1"), Sender.parse("a1.h3")]
    scores = METHOD.scores(chunks_of(model, random_prompts(4, n=2), knocked_out=heads))
    for edge, score in scores.items():
        if edge.sender in heads or set(model.graph.nodes_of(edge.receiver)) & set(heads):
            assert score == 0, edge
    assert sum(score != 0 for score in scores.values()) > 50
