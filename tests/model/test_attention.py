"""Attention's steps, on numbers small enough for paper: two heads that share a key and a value, two numbers each."""

from __future__ import annotations

import dataclasses
import math

import oracle
import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, random_prompts, tiny_llama
from torch import Tensor

from acdc_custom.choices import Ablation, Metric
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.model.attention import Attention, Pairing, Projection, Rotary
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.search.acdc import Search

SAME, SWAP = [[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]
LOG_3 = math.log(3)


def exact(numbers: object) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def attention(**changes: object) -> Attention:
    """Head 0 asks for what it reads and writes what it takes; head 1 swaps the two numbers and writes twice of them."""
    plain = Attention(
        query=Projection(exact([SAME, SWAP]), None),
        key=Projection(exact([SAME]), None),
        value=Projection(exact([SAME]), exact([[10.0, 20.0]])),
        out=exact([SAME, [[0.0, 2.0], [2.0, 0.0]]]),
        out_bias=exact([100.0, 0.0]),
        scale=1.0,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def scored(*scores: float) -> tuple[Tensor, Tensor]:
    """A query at the last position, and keys that have these scores with it."""
    return exact([[[[1.0, 0.0]]]]), exact([[[[score, 0.0] for score in scores]]])


def test_heads_that_read_the_same_project_it_as_if_each_read_its_own() -> None:
    one, x = attention(), exact([[[1.0, 2.0], [3.0, 4.0]]])  # [prompt, pos, d_model]
    q, k, v = one.project(x)
    assert q.tolist() == [[[[1, 2], [3, 4]]], [[[2, 1], [4, 3]]]]
    assert k.tolist() == [[[[1, 2], [3, 4]]]]
    assert v.tolist() == [[[[11, 22], [13, 24]]]]
    assert torch.equal(one.query(x.expand(2, -1, -1, -1)), q)
    assert torch.equal(one.value(x[None]), v)
    assert torch.equal(one.query.select(torch.tensor([1])).shared(x), q[1:])


@pytest.mark.parametrize(
    ("pairing", "cos", "sin", "turned"),
    [
        (Pairing.HALVES, [0, 1, 0, 1], [1, 0, 1, 0], [-3, 2, 1, 4, 5]),
        (Pairing.ADJACENT, [0, 0, 1, 1], [1, 1, 0, 0], [-2, 1, 3, 4, 5]),
    ],
)
def test_a_position_turns_pairs_of_numbers_and_leaves_the_rest(
    pairing: Pairing, cos: list[int], sin: list[int], turned: list[int]
) -> None:
    """A quarter turn of the first pair (a, b), which becomes (-b, a); the second pair stands still."""
    tables = Rotary(exact([[1] * 4, cos]), exact([[0] * 4, sin]), pairing)
    x = exact([[1, 2, 3, 4, 5]])
    assert tables.at(slice(1))(x).tolist() == x.tolist()
    assert tables.at(torch.tensor([1]))(x).tolist() == [turned]
    assert tables(x.expand(2, -1)).tolist() == [*x.tolist(), turned]


def test_a_query_is_normalised_before_it_is_turned() -> None:
    """(3, 4) has the root mean square sqrt(12.5); with the gain (2, 1) it is (6, 4), after a quarter turn (-4, 6)."""
    norm = Norm(NormKind.RMS, exact([2.0, 1.0]), None, 0.0)
    turn = Rotary(exact([[1.0, 1.0], [0.0, 0.0]]), exact([[0.0, 0.0], [1.0, 1.0]]))
    one = attention(query=Projection(exact([SAME, SWAP]), None, norm, turn)).at(slice(1, 2))
    q, k, _ = one.project(exact([[[3.0, 4.0]]]))
    assert torch.allclose(q[0], exact([[[-4.0, 6.0]]]) / 12.5**0.5, atol=1e-12)
    assert k.tolist() == [[[[3, 4]]]], "keys have neither here"


def test_a_query_reads_by_its_scores_and_nothing_after_itself() -> None:
    """Scores 0 and log 3: a quarter and three quarters. With a scale of 2, log 9 does the same."""
    q, k = scored(0.0, LOG_3)
    assert torch.allclose(attention().pattern(q, k), exact([[[[0.25, 0.75]]]]))
    q, k = scored(0.0, 2 * LOG_3)
    assert torch.allclose(attention(scale=2.0).pattern(q, k), exact([[[[0.25, 0.75]]]]))
    q, k = scored(0.0, LOG_3, 7.0)
    second = attention().mask(torch.tensor([[1]]), 3)  # the query stands at the second of three positions
    assert torch.allclose(attention().pattern(q, k, second), exact([[[[0.25, 0.75, 0.0]]]]))


def test_a_window_ends_what_a_query_reads_and_a_cap_holds_its_scores() -> None:
    q, k = scored(7.0, 0.0, LOG_3)
    assert torch.allclose(attention(window=2).pattern(q, k), exact([[[[0.0, 0.25, 0.75]]]]))
    q, k = scored(0.0, 2 * math.atanh(LOG_3 / 2))  # 2 tanh(x / 2) is log 3
    assert torch.allclose(attention(soft_cap=2.0).pattern(q, k), exact([[[[0.25, 0.75]]]]))


def test_what_is_mixed_and_written() -> None:
    """From (10, 20) and (14, 28), a quarter and three quarters: (13, 26). Head 1 writes (2 * 26, 2 * 13)."""
    one, (q, k) = attention(), scored(0.0, LOG_3)
    v = exact([[[[10.0, 20.0], [14.0, 28.0]]]])
    z = one.attend(q.expand(2, -1, -1, -1), k, v)
    assert torch.allclose(z, exact([[[[13.0, 26.0]]], [[[13.0, 26.0]]]]))
    assert torch.allclose(one.write(z), exact([[[[13.0, 26.0]]], [[[52.0, 26.0]]]]))
    assert torch.allclose(one.write(z[1:], out=one.out[1:]), exact([[[[52.0, 26.0]]]]))
    assert torch.allclose(one.total(z), exact([[[65.0, 52.0]]]))
    assert torch.allclose(one.finish(one.total(z)), exact([[[165.0, 52.0]]])), "with the output bias"


def test_heads_have_their_shares_in_the_norm_after_them() -> None:
    """Heads that write (1, 0) and (2, 4): the sum (3, 4) has the root mean square sqrt(12.5); the gain is (2, 1)."""
    one = attention(post_norm=Norm(NormKind.RMS, exact([2.0, 1.0]), None, 0.0), out_bias=None)
    z = exact([[[[1.0, 0.0]]], [[[2.0, 1.0]]]])
    scale = one.post_scale(one.write(z))
    assert scale is not None and scale.item() == pytest.approx(12.5**-0.5)
    share = one.share(scale)
    assert torch.allclose(one.write(z, share), exact([[[[2.0, 0.0]]], [[[4.0, 4.0]]]]) / 12.5**0.5)
    assert torch.allclose(one.total(z, share), exact([[[6.0, 4.0]]]) / 12.5**0.5)
    assert torch.allclose(one.finish(one.total(z)), one.total(z, share))
    assert attention().post_scale(one.write(z)) is None and attention().share(None) is None


@pytest.mark.parametrize("with_candidates", ["q", "k", "v", "qk", "qv", "kv", "qkv"])
def test_candidates_are_computed_together_as_each_alone(with_candidates: str) -> None:
    one, generator = attention(soft_cap=3.0), torch.Generator().manual_seed(0)
    parts = {
        name: torch.randn(2, *([4] if name in with_candidates else []), 3, 5, 2, generator=generator).double()
        for name in "qkv"
    }
    together = one.mix(one.pattern(parts["q"], parts["k"]), parts["v"])  # [head, candidate, prompt, pos, d_head]
    for candidate in range(4):
        q, k, v = (x[:, candidate] if name in with_candidates else x for name, x in parts.items())
        assert torch.allclose(together[:, candidate], one.mix(one.pattern(q, k), v), atol=1e-12)


def test_layers_may_differ_in_their_positions() -> None:
    """Layer 0 has no rotary positions and layer 1 others than the model: the search is still that of the oracle."""
    model = tiny_llama(0)
    first, second = model.weights.blocks
    rotary = first.attention.key.rotary
    assert rotary is not None
    reversed_turns = Rotary(rotary.cos, -rotary.sin)
    blocks = tuple(
        dataclasses.replace(
            block,
            attention=dataclasses.replace(
                block.attention,
                query=dataclasses.replace(block.attention.query, rotary=tables),
                key=dataclasses.replace(block.attention.key, rotary=tables),
            ),
        )
        for block, tables in ((first, None), (second, reversed_turns.at(slice(1, None))))
    )
    model = dataclasses.replace(model, weights=dataclasses.replace(model.weights, blocks=blocks))
    prompts = random_prompts(0)
    tokens = token_batch(prompts, MAX_POSITIONS - 1, VOCAB, model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    search = Search([(caches, prepare(Metric.KL, model.weights, tokens, caches.model_normed))], 0.02)
    decided = list(search.decisions())
    expected, metric = oracle.acdc(model.weights, prompts, 0.02)
    assert [(str(d.edge.sender), str(d.edge.receiver), d.kept) for d in decided] == [e[:3] for e in expected]
    assert [d.effect for d in decided] == pytest.approx([e[3] for e in expected], abs=1e-9)
    assert search.metric == pytest.approx(metric, abs=1e-9)
