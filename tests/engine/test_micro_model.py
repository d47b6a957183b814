"""A transformer small enough to be computed by hand: one layer, one head, no norms that matter, two words.

The residual stream has four numbers: [1st word, 2nd word, constant, copy]. The head attends everywhere alike and copies
"2nd word" into "copy", three times as strong; the logits of words 0 and 1 read "1st word" and "copy". RMS norm with
a huge eps divides by a constant, which the weights undo, so that everything is linear and can be checked on paper.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, TinyPrompt, tiny_llama

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.decision import Reason
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.model.attention import Attention, Projection
from acdc_custom.model.model import Model
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.model.weights import Block, Mlp, Weights
from acdc_custom.search.acdc import Search
from acdc_custom.search.registry import scoring_method

FIRST, SECOND, _, COPY = range(4)
BIG = 1e12  # eps so large that RMS norm is x / 1e6 to within 1e-12


def micro_model() -> Model:
    """Word 0 is a plain word, word 1 says "1st", word 2 says "2nd"."""
    embedding = torch.zeros(VOCAB, 4, dtype=torch.float64)
    embedding[1, FIRST], embedding[2, SECOND] = 1.0, 1.0
    norm = Norm(NormKind.RMS, torch.full((4,), 1e6, dtype=torch.float64), None, BIG)
    value, out = torch.zeros(1, 4, 1, dtype=torch.float64), torch.zeros(1, 1, 4, dtype=torch.float64)
    value[0, SECOND, 0], out[0, 0, COPY] = 1.0, 3.0
    nothing = Projection(torch.zeros(1, 4, 1, dtype=torch.float64), None)
    mlp = Mlp(
        torch.zeros(4, 1, dtype=torch.float64), None, None, torch.zeros(1, 4, dtype=torch.float64), None, torch.relu
    )
    unembedding = torch.zeros(VOCAB, 4, dtype=torch.float64)
    unembedding[0, FIRST], unembedding[1, COPY] = 1.0, 1.0
    weights = Weights(
        token_embedding=embedding,
        position_embedding=None,
        blocks=(Block(norm, Attention(nothing, nothing, Projection(value, None), out, None, 1.0), norm, mlp),),
        final_norm=norm,
        unembedding=unembedding,
        unembedding_bias=None,
    )
    return dataclasses.replace(tiny_llama(0), weights=weights, graph=Graph(GraphShape(1, 1, 1)))


def test_the_search_does_what_paper_says() -> None:
    """Clean: "2nd 2nd 1st", corrupted: "0 2nd 0". At the last token:

    clean      FIRST = 1, COPY = 3 * (1 + 1 + 0) / 3 = 2; logit difference (word 1 - word 0) = 2 - 1 = 1
    corrupted  FIRST = 0, COPY = 3 * (0 + 1 + 0) / 3 = 1; logit difference 1 - 0 = 1

    Minus the logit difference is minimised, starting at -1, with threshold 0.5:
    m0 -> logits writes nothing, the same in both runs: removed free. a0.h0 -> logits: COPY 2 -> 1, metric -1 -> 0,
    +1: kept. embed -> logits: FIRST 1 -> 0, metric -1 -> -2, -1: removed. m0 is dead. embed -> a0.h0.v: COPY 2 -> 1,
    metric -2 -> -1, +1: kept. embed -> a0.h0.k and .q: all scores are 0 whatever is read: 0, removed.
    """
    model = micro_model()
    prompt = TinyPrompt((2, 2, 1), (0, 2, 0), answer_ids=(1,), foil_ids=(0,))
    tokens = token_batch([prompt], MAX_POSITIONS, VOCAB, model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    objective = prepare(Metric.LOGIT_DIFF, model.weights, tokens, caches.model_normed)
    search = Search([(caches, objective)], 0.5)
    assert search.metric_before == pytest.approx(-1)
    decided = [(str(d.edge), d.kept, round(d.effect, 9), str(d.reason)) for d in search.decisions()]
    assert decided == [
        ("m0 -> logits", False, 0.0, Reason.SAME),
        ("a0.h0 -> logits", True, 1.0, Reason.EVALUATED),
        ("embed -> logits", False, -1.0, Reason.EVALUATED),
        ("a0.h0 -> m0", False, 0.0, Reason.DEAD),
        ("embed -> m0", False, 0.0, Reason.DEAD),
        ("embed -> a0.h0.v", True, 1.0, Reason.EVALUATED),
        ("embed -> a0.h0.k", False, 0.0, Reason.EVALUATED),
        ("embed -> a0.h0.q", False, 0.0, Reason.EVALUATED),
    ]
    assert search.metric == pytest.approx(-2)


def test_in_a_linear_model_attribution_is_the_effect_of_removal() -> None:
    """The same prompt: what the logit difference (1) loses with one edge alone.

    a0.h0 -> logits: COPY 2 -> 1, loses 1. embed -> logits: FIRST 1 -> 0, gains 1. embed -> a0.h0.v: COPY 2 -> 1 again.
    The rest does nothing: m0 writes nothing and the head attends everywhere alike.
    """
    model = micro_model()
    prompt = TinyPrompt((2, 2, 1), (0, 2, 0), answer_ids=(1,), foil_ids=(0,))
    tokens = token_batch([prompt], MAX_POSITIONS, VOCAB, model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    for method in map(scoring_method, ("eap", "eap-ig")):
        scores = {str(edge): round(score, 9) for edge, score in method.scores([caches]).items()}
        assert {edge: score for edge, score in scores.items() if score} == {
            "a0.h0 -> logits": 1.0,
            "embed -> logits": -1.0,
            "embed -> a0.h0.v": 1.0,
        }


def test_kl_by_hand() -> None:
    """One prompt whose logits are (log 3, 0, 0, ...) in the full model and all 0 in the corrupted run."""
    model = micro_model()
    tokens = token_batch([TinyPrompt((1,), (0,))], MAX_POSITIONS, VOCAB, model.device)
    full = torch.tensor([[torch.tensor(3.0).log(), 0, 0, 0]], dtype=torch.float64)
    objective = prepare(Metric.KL, model.weights, tokens, full)
    total = 3 + (VOCAB - 1)
    p = 3 / total
    expected = p * torch.tensor(p * VOCAB).log() + (1 - p) * torch.tensor(VOCAB / total).log()
    assert objective(torch.zeros(1, 1, 4, dtype=torch.float64)).item() == pytest.approx(float(expected), abs=1e-7)
    assert objective(full[None]).item() == pytest.approx(0, abs=1e-12)
