"""Answers of several tokens: every decision is the one that plain forward passes over prompt and answer make."""

from __future__ import annotations

from dataclasses import replace

import oracle
import pytest
import torch
from search import test_acdc, test_grouped, test_positions
from tiny import MAX_POSITIONS, VOCAB, TinyPrompt, random_prompts, tiny, with_answers
from tiny_task import TASK, NumberTokenizer, as_prompt

from acdc_custom.choices import Ablation, Metric
from acdc_custom.engine.answer_rows import answer_rows
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.engine.prepared import run_batch
from acdc_custom.engine.tokens import token_batch
from acdc_custom.model.model import Model
from acdc_custom.search.attribution import attribute, clean_point
from acdc_custom.task import Batch

TAU = {Metric.KL: 0.002, Metric.LOGIT_DIFF: 0.02, Metric.ANSWER_RANK: 0.1}


def mixed(seed: int, lengths: tuple[int, ...] = (2, 1, 3)) -> list[TinyPrompt]:
    return with_answers(random_prompts(seed, n=len(lengths)), lengths, seed)


# Quick with one layer, which has every kind of edge but those from heads to heads; slow with two.
LAYERS = pytest.mark.parametrize("layers", [1, pytest.param(2, marks=pytest.mark.slow)])


@LAYERS
@pytest.mark.parametrize("metric", Metric)
def test_acdc_decides_as_the_oracle_does_on_answers_of_several_lengths(metric: Metric, layers: int) -> None:
    model, prompts, tau = test_positions.small("gpt2", 3, layers), mixed(3), TAU.get(metric, 0.01)
    expected, final = oracle.acdc(model.weights, prompts, tau, metric)
    assert 0 < sum(e[2] for e in expected) < model.graph.n_edges
    for window, chunk_size in ((None, 99), (3, 1)):
        found, decisions = test_acdc.search(model, prompts, tau, metric, window, chunk_size=chunk_size)
        test_acdc.agrees(found, decisions, expected, final, tau)


@LAYERS
@pytest.mark.parametrize("metric", Metric)
def test_grouped_search_decides_as_the_oracle_does_on_answers_of_several_lengths(metric: Metric, layers: int) -> None:
    model, prompts, tau = test_positions.small("llama", 4, layers), mixed(4, (1, 2)), TAU.get(metric, 0.01)
    hint = test_grouped.random_hint(model, 1)
    found, decisions = test_grouped.search(model, prompts, tau, hint, metric)
    test_grouped.agrees(found, decisions, model, prompts, tau, hint, metric)


@pytest.mark.parametrize("name", ["gemma2", pytest.param("gpt-neox", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "ablation", [Ablation.MEAN, *(pytest.param(o, marks=pytest.mark.slow) for o in Ablation if o is not Ablation.MEAN)]
)
def test_other_architectures_and_ablations_are_the_oracles(name: str, ablation: Ablation) -> None:
    model, prompts = test_positions.small(name, 5), mixed(5, (2, 1))
    expected, final = oracle.acdc(model.weights, prompts, 0.02, ablation=ablation)
    test_acdc.agrees(*test_acdc.search(model, prompts, 0.02, ablation=ablation), expected, final, 0.02)


def test_in_positions_all_tokens_where_the_answer_is_read_are_one_span() -> None:
    model = test_positions.small("gpt2", layers=1)
    prompts = with_answers(test_positions.positioned(1), (2, 1))
    found, decisions = test_positions.search(model, prompts, 0.002)
    test_positions.agrees(found, decisions, model, prompts)
    assert any(d.edge.span == "END" and d.kept for d in decisions)


def test_answers_of_one_token_go_the_way_without_rows() -> None:
    model, prompts = tiny("gpt2", 6), random_prompts(6)
    one = with_answers(prompts, (1, 1, 1))
    tokens = token_batch(one, MAX_POSITIONS, VOCAB, torch.device("cpu"))
    assert tokens.answer_positions.tolist() == [[len(p.clean_ids) - 1] for p in prompts]
    assert answer_rows(tokens).one_each
    # In a batch with an answer of two tokens, that of one token has its own values.
    alone = values_of_nothing(model, one[:1])
    beside = values_of_nothing(model, [one[0], *with_answers(prompts[1:2], (2,))])
    assert beside[0, 0] == pytest.approx(float(alone[0, 0]), abs=1e-12) and beside.shape == (1, 2)


def values_of_nothing(model: Model, prompts: list[TinyPrompt]) -> torch.Tensor:
    """The KL of the empty circuit."""
    ((caches, objective),) = test_acdc.prepared(model, prompts, Metric.KL)
    return objective(CircuitRunner(caches)([])[None])


def test_a_prompt_cut_where_answer_and_foil_differ_has_the_logit_difference_of_the_whole() -> None:
    model = replace(tiny("llama", 7), tokenizer=NumberTokenizer())
    batch = Batch(tuple(map(as_prompt, mixed(7, (3, 3, 1, 2)))), "tiny", "given", 0, ())
    whole = run_batch(TASK, batch, model)
    cut = whole.at_contrast
    assert cut.tokens.answer_positions.shape == (4, 1) and whole.tokens.answer_positions.shape == (4, 3)
    for one, other in ((whole.full, cut.full), (whole.corrupted, cut.corrupted)):
        assert one.logit_diff == pytest.approx(other.logit_diff, abs=1e-12)
    edges = list(model.graph.edges())[::2]
    assert whole.performance_of(edges).logit_diff == pytest.approx(cut.performance_of(edges).logit_diff, abs=1e-12)
    assert cut.at_contrast is cut


def test_scores_of_edges_are_those_of_the_prompts_cut_where_answer_and_foil_differ() -> None:
    model = replace(test_positions.small("gpt2"), tokenizer=NumberTokenizer())
    batch = Batch(tuple(map(as_prompt, mixed(8, (2, 3, 1)))), "tiny", "given", 0, ())
    whole = run_batch(TASK, batch, model)
    of_whole, of_cut = (attribute(each.chunks, clean_point) for each in (whole, whole.at_contrast))
    assert of_whole == pytest.approx(of_cut, abs=1e-11)
    assert max(map(abs, of_whole.values())) > 0.01
