"""Grouped search: the blocks, decisions and effects of a plain search in blocks, on every architecture."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import groupby

import oracle
import pytest
import torch
from search.test_acdc import of_kept_edges, prepared
from tiny import TinyPrompt, crossed, measured, random_prompts, small, tiny, tiny_gpt2, tiny_llama

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.graph import LOGITS, Edge, Sender
from acdc_custom.model.model import Model
from acdc_custom.search.grouped import GroupedSearch, first_blocks, parts_of


def random_hint(model: Model, seed: int) -> dict[Edge, float]:
    generator = random.Random(seed)
    return {edge: generator.uniform(-1, 1) for edge in model.graph.edges()}


def search(
    model: Model,
    prompts: list[TinyPrompt],
    tau: float,
    hint: Mapping[Edge, float],
    metric: Metric = Metric.KL,
    ablation: Ablation = Ablation.CORRUPTED,
    window: int | None = None,
    chunk_size: int = 99,
) -> tuple[GroupedSearch, list[Decision]]:
    batch = prepared(model, prompts, metric, ablation, chunk_size)
    found = GroupedSearch(batch, tau, hint, window=window)
    return found, list(found.decisions())


def blocks_of(decisions: list[Decision]) -> list[tuple[list[str], str, bool, float]]:
    """The blocks of a journal, read off it alone."""
    evaluated = [d for d in decisions if d.reason is Reason.EVALUATED]
    blocks: list[tuple[list[str], str, bool, float]] = []
    while evaluated:
        block, evaluated = evaluated[: evaluated[0].block], evaluated[evaluated[0].block :]
        assert len({(d.edge.receiver, d.kept, d.effect, d.metric, d.block) for d in block}) == 1
        first = block[0]
        blocks.append(([str(d.edge.sender) for d in block], str(first.edge.receiver), first.kept, first.effect))
    return blocks


def agrees(
    found: GroupedSearch,
    decisions: list[Decision],
    model: Model,
    prompts: list[TinyPrompt],
    tau: float,
    hint: Mapping[Edge, float],
    metric: Metric = Metric.KL,
    ablation: Ablation = Ablation.CORRUPTED,
) -> None:
    """The same blocks in the same order, with the same decisions and effects, as plain forward passes give."""
    free = {(str(d.edge.sender), str(d.edge.receiver)) for d in decisions if d.reason is not Reason.EVALUATED}
    receivers = []
    for receiver in found.order.receivers:
        senders = sorted(found.order.senders_to(model.graph, receiver), key=lambda s: abs(hint[Edge(s, receiver)]))
        receivers.append((str(receiver), [str(sender) for sender in senders]))
    expected, final = oracle.grouped(model.weights, prompts, tau, receivers, free, metric, ablation)
    blocks = blocks_of(decisions)
    assert [block[:3] for block in blocks] == [tuple(block[:3]) for block in expected]
    assert [block[3] for block in blocks] == pytest.approx([block[3] for block in expected], abs=1e-11)
    assert found.metric == pytest.approx(final, abs=1e-11)


@pytest.mark.parametrize("name", crossed())
def test_on_every_architecture_blocks_decisions_and_effects_are_the_oracles(name: str) -> None:
    model, prompts = tiny(name, 2), random_prompts(2, n=2)
    hint = random_hint(model, 5)
    found, decisions = search(model, prompts, 0.002, hint)
    agrees(found, decisions, model, prompts, 0.002, hint)
    assert 0 < sum(d.kept for d in decisions) < model.graph.n_edges
    assert found.metric == pytest.approx(of_kept_edges(found, decisions), abs=1e-11)
    one_by_one = search(model, prompts, 0.002, hint, window=1)[1]
    assert [(d.edge, d.kept, d.block) for d in one_by_one] == [(d.edge, d.kept, d.block) for d in decisions]


@pytest.mark.parametrize(("metric", "ablation"), measured((Metric.KL, Metric.LOGIT_DIFF, Metric.ANSWER_LOGPROB)))
def test_every_ablation_and_metric_is_the_oracles(metric: Metric, ablation: Ablation) -> None:
    model, prompts = small("gemma2", 9), random_prompts(9, n=2)
    hint = random_hint(model, 1)
    found, decisions = search(model, prompts, 0.01, hint, metric, ablation, chunk_size=1)
    agrees(found, decisions, model, prompts, 0.01, hint, metric, ablation)


def test_every_edge_is_decided_once() -> None:
    model, prompts = tiny_llama(3), random_prompts(3)
    _, decisions = search(model, prompts, 0.01, random_hint(model, 2))
    assert sorted(d.edge for d in decisions) == sorted(model.graph.edges())


def test_fewer_evaluations_are_made_than_edges_are_evaluated() -> None:
    model, prompts = tiny_gpt2(1, 3), random_prompts(1)
    found, decisions = search(model, prompts, 10.0, random_hint(model, 0))
    assert found.evaluations < sum(d.reason is Reason.EVALUATED for d in decisions) / 2, "all go, in three blocks"


def test_a_hint_never_decides_what_a_removal_may_cost() -> None:
    model, prompts, tau = tiny_gpt2(5, 2), random_prompts(5), 0.01
    for seed in range(4):
        _, decisions = search(model, prompts, tau, random_hint(model, seed))
        assert all(d.kept == (not d.effect < tau) for d in decisions if d.reason is Reason.EVALUATED)
        assert all(d.block == 1 for d in decisions if d.kept)


@pytest.mark.parametrize("cut", [0, 1, 30, 77, 109, 110])
def test_a_search_that_takes_over_decisions_ends_as_if_never_interrupted(cut: int) -> None:
    prompts, model = random_prompts(12), tiny_gpt2(12, dtype=torch.float32)
    hint = random_hint(model, 3)
    whole = search(model, prompts, 0.005, hint)[1]
    resumed = GroupedSearch(prepared(model, prompts, Metric.KL), 0.005, hint)
    taken = resumed.replay(whole[:cut])
    assert whole[:taken] + list(resumed.decisions()) == whole  # to the last bit


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (1, [1]), (2, [1, 1]), (5, [3, 1, 1]), (16, [12, 3, 1])])
def test_the_first_blocks_are_three_quarters_and_three_of_the_sixteen_parts(n: int, sizes: list[int]) -> None:
    edges = [Edge(Sender.parse(f"a{i}.h0"), LOGITS) for i in range(n)]
    blocks = first_blocks(edges)
    assert [len(block) for block in blocks] == sizes
    assert [edge for block in blocks for edge in block] == edges


@pytest.mark.parametrize(("n", "sizes"), [(2, [1, 1]), (4, [1] * 4), (7, [2, 2, 2, 1]), (12, [3] * 4)])
def test_a_block_is_split_into_four_parts_as_equal_as_can_be(n: int, sizes: list[int]) -> None:
    block = [Edge(Sender.parse(f"a{i}.h0"), LOGITS) for i in range(n)]
    parts = parts_of(block)
    assert [len(part) for part in parts] == sizes
    assert [edge for part in parts for edge in part] == block
    assert [key for key, _ in groupby(parts, key=len)] == sorted({len(part) for part in parts}, reverse=True)
