"""Zero ablation is that of the original ACDC and of auto-circuit: an MLP's output bias goes with its output.

The definition stands here once more, for GPT-2, and shares nothing with the engine, nor with the oracle: from the
Hugging Face model's own tensors. Attention output biases are on no edge; MLPs' biases, large ones here, are part of
what an MLP writes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, TinyPrompt, random_prompts, tiny_hf
from torch import Tensor

from acdc_custom.choices import Ablation, Metric, Order
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.engine.knock_out import KnockOut
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Sender
from acdc_custom.model.model import Model, wrap
from acdc_custom.search.acdc import Search
from acdc_custom.search.attribution import attribute, clean_point
from acdc_custom.search.order import visiting_order

LAYERS, HEADS, WIDTH = 2, 4, 16
Share = Callable[[str, str], float]  # how much of a sender's output an edge carries: 1 if it is kept, 0 if not
State = Mapping[str, Tensor]


def with_large_biases(seed: int) -> tuple[Model, State]:
    """A GPT-2 whose MLPs' output biases are ten times as large as its other weights, and its tensors."""
    hf_model = tiny_hf("gpt2", seed, n_layer=LAYERS)
    with torch.no_grad():
        for block in hf_model.transformer.h:
            block.mlp.c_proj.bias.mul_(10)
    state = {name: tensor.clone() for name, tensor in hf_model.state_dict().items()}
    return wrap(hf_model, None, "large biases"), state


def plain(state: State, tokens: tuple[int, ...], share: Share = lambda sender, receiver: 1.0) -> Tensor:
    """The logits `[vocab]` of a circuit at the last token, with zero in place of what is removed."""

    def of(name: str) -> Tensor:
        return state[f"transformer.{name}"]

    def norm(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * of(f"{name}.weight") + of(
            f"{name}.bias"
        )

    written = {"embed": of("wte.weight")[list(tokens)] + of("wpe.weight")[: len(tokens)]}
    attention_biases = torch.zeros(WIDTH, dtype=torch.float64)

    def read(receiver: str) -> Tensor:
        return attention_biases + sum(share(sender, receiver) * out for sender, out in written.items())

    size = WIDTH // HEADS
    for layer in range(LAYERS):
        weight, bias = of(f"h.{layer}.attn.c_attn.weight"), of(f"h.{layer}.attn.c_attn.bias")
        heads = {}
        for head in range(HEADS):
            q, k, v = (
                norm(read(f"a{layer}.h{head}.{port}"), f"h.{layer}.ln_1") @ weight[:, own] + bias[own]
                for port, own in (
                    (port, slice(part * WIDTH + head * size, part * WIDTH + (head + 1) * size))
                    for part, port in enumerate("qkv")
                )
            )
            scores = (q @ k.T / size**0.5).masked_fill(torch.ones(len(tokens), len(tokens)).triu(1).bool(), -torch.inf)
            out = of(f"h.{layer}.attn.c_proj.weight")[head * size : (head + 1) * size]
            heads[f"a{layer}.h{head}"] = scores.softmax(-1) @ v @ out
        written |= heads
        attention_biases = attention_biases + of(f"h.{layer}.attn.c_proj.bias")
        x = norm(read(f"m{layer}"), f"h.{layer}.ln_2") @ of(f"h.{layer}.mlp.c_fc.weight") + of(
            f"h.{layer}.mlp.c_fc.bias"
        )
        x = 0.5 * x * (1 + (0.7978845608028654 * (x + 0.044715 * x**3)).tanh())
        written[f"m{layer}"] = x @ of(f"h.{layer}.mlp.c_proj.weight") + of(f"h.{layer}.mlp.c_proj.bias")
    return norm(read("logits"), "ln_f")[-1] @ of("wte.weight").T


def in_order(descending: bool) -> Iterator[tuple[str, list[str]]]:
    """Each receiver with its senders: the original's modes `reverse`, and `normal` with heads descending."""
    below = {0: ["embed"]}
    for layer in range(LAYERS):
        heads = [f"a{layer}.h{head}" for head in range(HEADS)]
        below[layer + 1] = [f"m{layer}", *(heads[::-1] if descending else heads), *below[layer]]
    yield "logits", below[LAYERS]
    for layer in reversed(range(LAYERS)):
        yield f"m{layer}", below[layer + 1][1:]
        for port in "vkq":
            for head in reversed(range(HEADS)):
                yield f"a{layer}.h{head}.{port}", below[layer]


def plain_acdc(
    state: State, prompts: list[TinyPrompt], tau: float, descending: bool
) -> list[tuple[str, str, bool, float]]:
    """(sender, receiver, kept, increase of the KL divergence), one pass per edge."""
    full = [plain(state, p.clean_ids).log_softmax(-1) for p in prompts]
    removed: set[tuple[str, str]] = set()

    def metric() -> float:
        found = [plain(state, p.clean_ids, lambda s, r: float((s, r) not in removed)).log_softmax(-1) for p in prompts]
        return float(sum((p.exp() * (p - q)).sum() for p, q in zip(full, found, strict=True))) / len(prompts)

    decisions, now = list[tuple[str, str, bool, float]](), 0.0
    for receiver, senders in in_order(descending):
        for sender in senders:
            removed.add((sender, receiver))
            without = metric()
            increase, kept = without - now, without - now >= tau
            if kept:
                removed.remove((sender, receiver))
            else:
                now = without
            decisions.append((sender, receiver, kept, increase))
    return decisions


def caches_of(model: Model, prompts: list[TinyPrompt]) -> Caches:
    tokens = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device)
    return build_caches(model, tokens, prepare_ablation(Ablation.ZERO, model.weights, [tokens]))


def in_circuit(names: set[tuple[str, str]], sender: str, receiver: str) -> float:
    return float((sender, receiver) in names)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("order", [Order.ORIGINAL, Order.NORMAL])
def test_a_search_with_zero_ablation_is_the_plain_one_in_both_orders_of_the_original(seed: int, order: Order) -> None:
    model, state = with_large_biases(seed)
    prompts = random_prompts(seed, n=1)
    caches = caches_of(model, prompts)
    objective = prepare(Metric.KL, model.weights, caches.tokens, caches.model_normed)
    tau = 0.03
    decisions = list(Search([(caches, objective)], tau, order=visiting_order(model.graph, order)).decisions())
    expected = plain_acdc(state, prompts, tau, order is Order.NORMAL)
    found = [(str(d.edge.sender), str(d.edge.receiver), d.kept) for d in decisions]
    assert found == [decision[:3] for decision in expected]
    assert [d.effect for d in decisions] == pytest.approx([decision[3] for decision in expected], abs=1e-9)
    assert any(kept and sender.startswith("m") for sender, _, kept in found)


@pytest.mark.parametrize("seed", range(3))
def test_a_circuit_with_zero_ablation_computes_what_the_definition_says(seed: int) -> None:
    model, state = with_large_biases(seed)
    prompts = random_prompts(seed)
    caches, rng = caches_of(model, prompts), random.Random(seed)
    runner, edges = CircuitRunner(caches), list(model.graph.edges())
    for chance in (0.0, 0.3, 0.8, 1.0):
        kept = [edge for edge in edges if rng.random() < chance]
        names = {(str(edge.sender), str(edge.receiver)) for edge in kept}
        share = partial(in_circuit, names)
        expected = torch.stack([plain(state, p.clean_ids, share) for p in prompts])
        for normed in (runner(kept), run_circuit(model, caches.tokens, kept, caches.carried)):
            torch.testing.assert_close(model.weights.logits(normed), expected)


def test_with_nothing_left_only_the_attentions_output_biases_are_read() -> None:
    model, state = with_large_biases(4)
    caches = caches_of(model, random_prompts(4))
    biases = sum(state[f"transformer.h.{layer}.attn.c_proj.bias"] for layer in range(LAYERS))
    expected = torch.nn.functional.layer_norm(
        biases, (WIDTH,), state["transformer.ln_f.weight"], state["transformer.ln_f.bias"]
    )
    torch.testing.assert_close(CircuitRunner(caches)([]), expected.expand(3, -1))


def test_a_model_without_an_mlp_is_without_its_bias() -> None:
    model, state = with_large_biases(5)
    prompts = random_prompts(5)
    caches, gone = caches_of(model, prompts), [Sender.parse("m0"), Sender.parse("a1.h2")]
    names = set(map(str, gone))
    expected = torch.stack([plain(state, p.clean_ids, lambda s, r: float(s not in names)) for p in prompts])
    torch.testing.assert_close(model.weights.logits(KnockOut(caches, gone).without(gone)), expected)


def test_scores_of_edges_count_the_bias() -> None:
    model, state = with_large_biases(6)
    prompts, step = random_prompts(6, n=2), 1e-5
    scores = attribute([caches_of(model, prompts)], clean_point)

    def logit_diff(edge: tuple[str, str], share: float) -> float:
        total = 0.0
        for p in prompts:
            logits = plain(state, p.clean_ids, lambda s, r: share if (s, r) == edge else 1.0)
            total += float(logits[list(p.answer_ids)].mean() - logits[list(p.foil_ids)].mean())
        return total / len(prompts)

    for edge, score in scores.items():
        if edge.sender.stage.name == "MLP":
            name = (str(edge.sender), str(edge.receiver))
            slope = (logit_diff(name, 1 + step) - logit_diff(name, 1 - step)) / (2 * step)
            assert score == pytest.approx(slope, rel=1e-5, abs=1e-8)
