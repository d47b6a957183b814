"""The effect of an edge is what one plain forward pass without it says, on every architecture."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import oracle
import pytest
import torch
from scored import chunks_of
from tiny import NAMES, TinyPrompt, crossed, random_prompts, small, tiny

from acdc_custom.choices import Ablation
from acdc_custom.engine.chunk import Chunk
from acdc_custom.graph import Edge, Sender
from acdc_custom.model.model import Model
from acdc_custom.search.method import ToScore
from acdc_custom.search.methods.edge_effects import METHOD


@torch.no_grad()
def falls(
    model: Model,
    prompts: Sequence[TinyPrompt],
    ablation: Ablation = Ablation.CORRUPTED,
    knocked_out: Sequence[str] = (),
) -> dict[str, float]:
    """How far the logit difference falls without each edge: a forward pass per edge and prompt."""
    weights = model.weights
    clean = [oracle.forward(weights, torch.tensor(p.clean_ids)) for p in prompts]
    corrupted = [oracle.forward(weights, torch.tensor(p.corrupted_ids)) for p in prompts]
    ablated = oracle.ablated_outputs(ablation.value, prompts, clean, corrupted)

    reached: list[dict[int, Any]] = [{} for _ in prompts]  # by the model that lacks no edge: what its layers read

    def logit_diff(without: tuple[str, str] | None) -> float:
        total = 0.0
        for prompt, (_, _, scales), carried, layers in zip(prompts, clean, ablated, reached, strict=True):
            layer = oracle.layer_of(without[1], len(weights.blocks)) if without else 0
            _, logits, _ = oracle.forward(
                weights,
                torch.tensor(prompt.clean_ids),
                lambda s, r: s not in knocked_out and (s, r) != without,
                carried,
                scales,
                {layer: layers[layer]} if without else layers,
            )
            total += oracle.logit_diff(prompt, logits)
        return total / len(prompts)

    whole = logit_diff(None)
    edges = ((str(edge), (str(edge.sender), str(edge.receiver))) for edge in model.graph.edges())
    return {name: whole - logit_diff(pair) for name, pair in edges}


def named(scores: dict[Edge, float]) -> dict[str, float]:
    return {str(edge): score for edge, score in scores.items()}


@pytest.mark.parametrize("name", crossed(NAMES))
def test_on_every_architecture_an_effect_is_that_of_a_plain_forward_pass_without_the_edge(name: str) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=1)
    scores = METHOD.scores(chunks_of(model, prompts))
    assert list(scores) == list(model.graph.edges())
    expected = falls(model, prompts)
    assert max(map(abs, expected.values())) > 0.1
    assert named(scores) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("name", [pytest.param("gpt2", marks=pytest.mark.slow), "gemma2"])
def test_so_it_is_under_every_ablation_and_for_prompts_taken_a_few_at_a_time(name: str, ablation: Ablation) -> None:
    model, prompts = small(name, 5), random_prompts(5, n=2)
    expected = falls(model, prompts, ablation)
    for size in (1, 99):
        assert named(METHOD.scores(chunks_of(model, prompts, ablation, size))) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_without_some_heads_it_is_the_effect_in_what_is_left(name: str) -> None:
    model, prompts, without = small(name, 4), random_prompts(4, n=2), ("a0.h1", "a1.h0")
    expected = falls(model, prompts, knocked_out=without)
    scores = named(METHOD.scores(chunks_of(model, prompts, knocked_out=[Sender.parse(head) for head in without])))
    assert scores == pytest.approx(expected, abs=1e-10)
    assert scores["embed -> a1.h0.q"] == scores["a0.h1 -> logits"] == 0


@pytest.mark.parametrize("window", [1, 3, None])
def test_the_window_changes_nothing(window: int | None) -> None:
    chunks = chunks_of(tiny("gpt2", 1), random_prompts(1))
    steps: list[int] = []
    scores = dict(METHOD.score(ToScore(chunks, window=window, on_step=lambda: steps.append(1))))
    assert scores == pytest.approx(METHOD.scores(chunks), abs=1e-12)
    assert len(steps) == METHOD.n_steps(chunks) == len(scores)


@pytest.mark.parametrize("n_earlier", [0, 1, 25, 77, 110])
def test_what_has_been_scored_is_taken_over_and_the_rest_comes_out_to_the_last_bit(n_earlier: int) -> None:
    chunks = chunks_of(tiny("gpt2", 3, torch.float32), random_prompts(3))
    whole = dict(METHOD.score(ToScore(chunks, window=4)))
    earlier = dict(list(whole.items())[:n_earlier])
    assert dict(METHOD.score(ToScore(chunks, earlier, window=4))) == whole


def test_a_resumed_search_evaluates_only_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = chunks_of(tiny("gpt2", 3), random_prompts(3))
    whole, evaluated = METHOD.scores(chunks), []
    evaluate = Chunk.evaluate_each

    def counted(self: Chunk, places: Sequence[int]) -> torch.Tensor:
        evaluated.extend(places)
        return evaluate(self, places)

    monkeypatch.setattr(Chunk, "evaluate_each", counted)
    dict(METHOD.score(ToScore(chunks, dict(list(whole.items())[:60]), window=1)))
    assert len(evaluated) == sum(score != 0 for score in list(whole.values())[60:])


def test_a_window_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = chunks_of(tiny("gpt2", 3), random_prompts(3))
    whole, evaluate = METHOD.scores(chunks), Chunk.evaluate_each

    def cramped(self: Chunk, places: Sequence[int]) -> torch.Tensor:
        if len(places) > 2:
            raise MemoryError
        return evaluate(self, places)

    monkeypatch.setattr(Chunk, "evaluate_each", cramped)
    assert METHOD.scores(chunks) == pytest.approx(whole, abs=1e-12)


def test_in_positions_an_effect_is_that_of_a_plain_forward_pass_without_the_edge_at_a_span() -> None:
    model = tiny("gpt2", 2, n_layer=2, n_head=2)
    prompts = [replace(prompt, positions={"A": 2, "B": 3}) for prompt in random_prompts(2, n=2)]
    chunks = chunks_of(model, prompts)
    scores = METHOD.scores(chunks, positions=True)
    assert set(scores) == set(model.graph.edges_at(chunks[0].spans.names))
    fall = oracle.metric_without(model.weights, prompts, "logit-diff", "corrupted")
    whole = fall([])
    some = random.Random(1).sample([edge for edge, score in scores.items() if score], 25)
    expected = {edge: fall([(str(edge.sender), str(edge.receiver), edge.span)]) - whole for edge in some}
    assert {edge: scores[edge] for edge in some} == pytest.approx(expected, abs=1e-10)
    assert METHOD.total_steps(chunks, positions=True) == len(scores)
