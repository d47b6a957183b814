"""Scores are the derivatives that they claim to be, taken by finite differences on the plain forward pass."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import oracle
import pytest
import torch
from scored import chunks_of
from tiny import NAMES, TinyPrompt, crossed, random_prompts, small, tiny, tiny_gpt2

from acdc_custom.choices import Ablation
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.performance import logit_differences
from acdc_custom.graph import EMBED, LOGITS, Edge, Sender
from acdc_custom.model.model import Model
from acdc_custom.search.attribution import activation_points, attribute, clean_point, embedding_points
from acdc_custom.search.method import ScoringMethod, ToScore
from acdc_custom.search.methods import eap, eap_ig, eap_ig_activations, eap_ig_mib, relp
from acdc_custom.search.registry import method_named

WALKS = (
    eap.METHOD,
    eap_ig.METHOD,
    eap_ig_mib.METHOD,
    eap_ig_activations.METHOD,
    relp.METHOD,
)  # by the walk back

STEP = 1e-5  # of the finite differences


def up_to(layers: dict[int, Any], receiver: str) -> dict[int, Any]:
    """What is written below the layer of a receiver: a change of what it reads cannot change that."""
    layer = oracle.layer_of(receiver, max(layers))
    return {layer: layers[layer]}


def derivatives(
    model: Model,
    prompts: Sequence[TinyPrompt],
    ablation: Ablation,
    edges: Sequence[Edge],
    shares: Sequence[float],
    knocked_out: Sequence[str] = (),
) -> list[float]:
    """How fast the logit difference falls as each edge is removed, mean over prompts and over the points of the path.

    A point is the share of the way from the ablated to the clean embedding. Central differences: what the edge carries
    moves by a little of what removing it would change.
    """
    weights = model.weights
    clean = [oracle.forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [oracle.forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = oracle.ablated_outputs(ablation.value, prompts, clean, corrupted)
    totals = [0.0] * len(edges)
    for prompt, (outputs, _, scales), carried in zip(prompts, clean, ablated, strict=True):
        if knocked_out:
            tokens = torch.tensor(prompt.clean_ids)
            outputs, *_ = oracle.forward(weights, tokens, lambda s, r: s not in knocked_out, carried, scales)
            outputs |= {name: carried[name] for name in knocked_out}
        for share in shares:
            mixed = share * outputs["embed"] + (1 - share) * carried["embed"]
            # A model whose words are the positions of this prompt, so that any embedding can be given.
            of_mixed = dataclasses.replace(weights, token_embedding=mixed, position_embedding=None)
            words = torch.arange(len(mixed))
            layers: dict[int, Any] = {}
            point, *_ = oracle.forward(of_mixed, words, lambda s, r: s not in knocked_out, carried, scales, layers)
            point |= {name: carried[name] for name in knocked_out}
            for number, edge in enumerate(edges):
                sender, receiver = str(edge.sender), str(edge.receiver)
                values = []
                for sign in (1, -1):
                    moved = point[sender] + sign * STEP * (carried[sender] - outputs[sender])
                    _, logits, _ = oracle.forward(
                        of_mixed,
                        words,
                        lambda s, r, sender=sender, receiver=receiver: (
                            s not in knocked_out and (s, r) != (sender, receiver)
                        ),
                        {**carried, sender: moved},
                        scales,
                        up_to(layers, receiver),
                    )
                    values.append(oracle.logit_diff(prompt, logits))
                totals[number] -= (values[0] - values[1]) / (2 * STEP)
    return [total / len(prompts) / len(shares) for total in totals]


def some_edges(model: Model, n: int, without: Sequence[Sender] = ()) -> list[Edge]:
    edges = [edge for edge in model.graph.edges() if edge.sender not in without]
    return random.Random(0).sample(edges, min(n, len(edges)))


def agrees(scores: dict[Edge, float], edges: Sequence[Edge], expected: Sequence[float]) -> None:
    largest = max(map(abs, expected))
    assert largest > 0
    assert [scores[edge] for edge in edges] == pytest.approx(list(expected), abs=1e-7 * max(1, largest))


@pytest.mark.parametrize("name", crossed(NAMES))
def test_on_every_architecture_the_score_of_an_edge_is_a_derivative(name: str) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=2)
    edges = some_edges(model, 12)
    scores = attribute(chunks_of(model, prompts), clean_point)
    assert list(scores) == list(model.graph.edges())
    agrees(scores, edges, derivatives(model, prompts, Ablation.CORRUPTED, edges, [1]))


# The walk is that of the test above, which has one of each kind: only the points are others.
@pytest.mark.parametrize(
    "name",
    [
        "gemma2",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("gpt2", "gpt-neox", "llama", "attention only, rotary")
        ),
    ],
)
def test_integrated_gradients_are_the_mean_derivative_on_the_way_from_the_ablated_embedding(name: str) -> None:
    model, prompts = tiny(name, 1), random_prompts(1, n=2)
    edges = some_edges(model, 6)
    chunks = chunks_of(model, prompts)
    for method, shares in ((eap_ig.METHOD, [1 / 3, 2 / 3, 1]), (eap_ig_mib.METHOD, [0, 1 / 3, 2 / 3])):
        scores = dict(method.score(ToScore(chunks, steps=3)))
        agrees(scores, edges, derivatives(model, prompts, Ablation.CORRUPTED, edges, shares))


def test_with_all_points_of_both_kinds_the_two_ends_are_what_they_differ_by() -> None:
    model, prompts = tiny_gpt2(1, 2), random_prompts(1, n=2)
    chunks = chunks_of(model, prompts)
    paper, mib = (m.scores(chunks) for m in (eap_ig.METHOD, eap_ig_mib.METHOD))
    clean = attribute(chunks, clean_point)
    ablated = attribute(chunks, partial(embedding_points, steps=1, first=0))
    assert [5 * (paper[e] - mib[e]) for e in clean] == pytest.approx([clean[e] - ablated[e] for e in clean], abs=1e-9)


def part_derivatives(
    model: Model, prompts: Sequence[TinyPrompt], ablation: Ablation, edges: Sequence[Edge], steps: int
) -> list[float]:
    """The same as `derivatives`, at points where one part of the model is between ablated and clean; its nodes write
    that, whatever they read."""
    weights, shape = model.weights, model.graph.shape
    clean = [oracle.forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [oracle.forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = oracle.ablated_outputs(ablation.value, prompts, clean, corrupted)
    heads = [[f"a{layer}.h{head}" for head in range(shape.n_heads)] for layer in range(shape.n_layers)]
    parts = [["embed"], *heads, *([f"m{layer}"] for layer in range(shape.n_layers) if shape.has_mlp)]
    totals = [0.0] * len(edges)
    for prompt, (outputs, _, scales), carried in zip(prompts, clean, ablated, strict=True):
        tokens = torch.tensor(prompt.clean_ids)
        for part, step in product(parts, range(1, steps + 1)):
            share = step / steps
            mixed = {node: share * outputs[node] + (1 - share) * carried[node] for node in part}
            # What the part writes is cut off everywhere, and this takes its place.
            layers: dict[int, Any] = {}
            point, *_ = oracle.forward(weights, tokens, lambda s, r, part=part: s not in part, mixed, scales, layers)
            point |= mixed
            for number, edge in enumerate(edges):
                sender, values = str(edge.sender), []
                for sign in (1, -1):
                    moved = sign * STEP * (carried[sender] - outputs[sender])
                    logits = with_moved(model, tokens, part, mixed, point, edge, moved, scales, layers)
                    values.append(oracle.logit_diff(prompt, logits))
                totals[number] -= (values[0] - values[1]) / (2 * STEP)
    return [total / len(prompts) / len(parts) / steps for total in totals]


def with_moved(
    model: Model,
    tokens: torch.Tensor,
    part: Sequence[str],
    mixed: dict[str, torch.Tensor],
    point: dict[str, torch.Tensor],
    edge: Edge,
    moved: torch.Tensor,
    scales: dict[int, torch.Tensor],
    layers: dict[int, Any],
) -> torch.Tensor:
    """The logits with what one edge carries moved, and the part's nodes writing what is mixed into every other one."""
    sender, receiver = str(edge.sender), str(edge.receiver)
    carried = OnOneEdge(mixed, sender, point[sender] + moved)
    _, logits, _ = oracle.forward(
        model.weights,
        tokens,
        lambda s, r: carried.on(s, r, receiver) and s not in part,
        carried,
        scales,
        up_to(layers, receiver),
    )
    return logits


class OnOneEdge(dict[str, torch.Tensor]):
    """What removed edges carry, where one edge of a sender carries something of its own."""

    def __init__(self, carried: dict[str, torch.Tensor], sender: str, own: torch.Tensor) -> None:
        super().__init__(carried)
        self.sender, self.own, self.here = sender, own, False

    def on(self, sender: str, receiver: str, own_receiver: str) -> bool:
        """Whether an edge, which is about to be read, carries what its sender writes."""
        self.here = (sender, receiver) == (self.sender, own_receiver)
        return not self.here

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.own if self.here and name == self.sender else super().__getitem__(name)


# A block in parallel and norms after the heads are what sets apart how a part is cut off.
@pytest.mark.parametrize(
    "name",
    [
        "gpt-neox",
        "gemma2",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gpt2", "llama", "attention only")),
    ],
)
def test_on_activations_they_are_the_mean_derivative_with_one_part_after_the_other_on_its_way(name: str) -> None:
    model, prompts = small(name, 1), random_prompts(1, n=2)
    edges = some_edges(model, 4)
    for ablation in (Ablation.CORRUPTED, Ablation.MEAN):
        scores = attribute(chunks_of(model, prompts, ablation), partial(activation_points, steps=2))
        agrees(scores, edges, part_derivatives(model, prompts, ablation, edges, 2))


def test_the_last_point_of_every_part_is_the_clean_run() -> None:
    (chunk,) = chunks_of(tiny("attention only, no norm", 1), random_prompts(1))
    points = list(activation_points(chunk, 1))
    assert [sorted(map(str, point.constant))[0] for point in points] == ["embed", "a0.h0", "a1.h0"]
    assert all(torch.allclose(point.residuals, chunk.residuals) for point in points)  # the last step is clean


@pytest.mark.parametrize("ablation", Ablation)
def test_every_ablation_is_scored_by_what_it_puts_in_place_of_an_edge(ablation: Ablation) -> None:
    model, prompts = small("llama", 3), random_prompts(3)
    edges, chunks = some_edges(model, 8), chunks_of(model, prompts, ablation)
    agrees(attribute(chunks, clean_point), edges, derivatives(model, prompts, ablation, edges, [1]))
    scores = attribute(chunks, partial(embedding_points, steps=2))
    agrees(scores, edges, derivatives(model, prompts, ablation, edges, [0.5, 1]))


@pytest.mark.parametrize("method", [eap.METHOD, eap_ig.METHOD])
def test_heads_that_are_knocked_out_pass_nothing_on(method: ScoringMethod) -> None:
    model, prompts = tiny_gpt2(4, 2), random_prompts(4, n=2)
    heads = [Sender.parse("a0.h1"), Sender.parse("a1.h3")]
    edges = some_edges(model, 15, without=heads)
    chunks = chunks_of(model, prompts, knocked_out=heads)
    scores, steps = method.scores(chunks), method.total_steps(chunks)
    shares = [step / steps for step in range(1, steps + 1)]
    agrees(scores, edges, derivatives(model, prompts, Ablation.CORRUPTED, edges, shares, [str(head) for head in heads]))
    assert all(score == 0 for edge, score in scores.items() if edge.sender in heads)
    assert all(score == 0 for edge, score in scores.items() if set(model.graph.nodes_of(edge.receiver)) & set(heads))


def test_into_the_logits_of_a_model_without_norms_scores_are_exact_effects() -> None:
    model, prompts = tiny("attention only, no norm", 0), random_prompts(0)
    (chunk,) = chunks_of(model, prompts)
    scores = attribute([chunk], clean_point)
    every = set(scores)

    def logit_diff(edges: set[Edge]) -> float:
        normed = run_circuit(model, chunk.tokens, edges, chunk.carried)
        return float(logit_differences(model.weights, chunk.tokens, normed).mean())

    for sender in model.graph.senders:
        edge = Edge(sender, LOGITS)
        assert scores[edge] == pytest.approx(logit_diff(every) - logit_diff(every - {edge}), abs=1e-9)


@pytest.mark.parametrize("name", ["gpt2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("qwen3", "gpt-j"))])
def test_integrated_gradients_at_the_embedding_add_up_to_what_the_corruption_costs(name: str) -> None:
    model, prompts = small(name, 5), random_prompts(5)
    (chunk,) = chunks_of(model, prompts)
    scores = attribute([chunk], partial(embedding_points, steps=200))
    total = sum(score for edge, score in scores.items() if edge.sender == EMBED)
    empty = run_circuit(model, chunk.tokens, (), chunk.carried)
    lost = logit_differences(model.weights, chunk.tokens, chunk.model_normed) - logit_differences(
        model.weights, chunk.tokens, empty
    )
    assert total == pytest.approx(float(lost.mean()), rel=0.02)


@pytest.mark.parametrize("method", WALKS)
def test_scores_do_not_depend_on_how_many_prompts_are_run_at_a_time(method: ScoringMethod) -> None:
    model, prompts, passes = small("gemma2", 6), random_prompts(6, n=5), []
    whole = method.scores(chunks_of(model, prompts))
    chunks = chunks_of(model, prompts, size=2)
    parts = method.scores(chunks, lambda: passes.append(1))
    assert [parts[edge] for edge in whole] == pytest.approx(list(whole.values()), abs=1e-12)
    assert len(passes) == method.total_steps(chunks)


@pytest.mark.parametrize(
    "name", ["gemma2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gpt2", "attention only, rotary"))]
)
def test_scores_in_single_precision_are_those_in_double_up_to_rounding(name: str) -> None:
    prompts = random_prompts(7)
    for method in WALKS:
        single, double = (
            method.scores(chunks_of(small(name, 7, dtype=dtype), prompts)) for dtype in (torch.float32, torch.float64)
        )
        largest = max(map(abs, double.values()))
        assert [single[edge] for edge in double] == pytest.approx(list(double.values()), abs=1e-4 * largest)


@pytest.mark.parametrize("method", ["eap", "eap-ig", "eap-ig-activations", "eap-ig-mib", "relp"])
def test_what_an_edge_scores_at_all_spans_is_what_it_scores_without_positions(method: str) -> None:
    prompts = [dataclasses.replace(prompt, positions={"A": 2, "B": 3}) for prompt in random_prompts(2, n=2)]
    chunks, scoring = chunks_of(tiny("gpt2", 2, n_layer=2, n_head=2), prompts), method_named(method)
    assert isinstance(scoring, ScoringMethod)
    plain, placed = scoring.scores(chunks), scoring.scores(chunks, positions=True)
    assert list(placed) == list(chunks[0].model.graph.edges_at(chunks[0].spans.names))
    summed = dict.fromkeys(plain, 0.0)
    for edge, score in placed.items():
        summed[edge.merged] += score
    assert summed == pytest.approx(plain, abs=1e-9)
    assert len({edge.span for edge, score in placed.items() if score}) > 2
