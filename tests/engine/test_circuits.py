"""The fast way to run a circuit, against the one that is straight from the definition."""

from __future__ import annotations

import random

import pytest
import torch
from tiny import MAX_POSITIONS, NAMES, VOCAB, crossed, random_prompts, tiny, tiny_gpt2

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Edge, Sender, Stage


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("name", crossed(NAMES))
def test_every_circuit_computes_what_its_definition_says(name: str, ablation: Ablation) -> None:
    model = tiny(name, 5)
    tokens = token_batch(random_prompts(5), MAX_POSITIONS, VOCAB, model.device)
    carried = prepare_ablation(ablation, model.weights, [tokens])
    runner = CircuitRunner(build_caches(model, tokens, carried))
    rng, edges = random.Random(5), list(model.graph.edges())
    for share in (0.0, 0.05, 0.3, 0.6, 0.9, 1.0):
        kept = [edge for edge in edges if rng.random() < share]
        expected = run_circuit(model, tokens, kept, carried)
        assert torch.allclose(runner(kept), expected, rtol=0, atol=1e-11), share


def test_heads_that_were_knocked_out_in_a_search_may_be_in_a_circuit() -> None:
    model = tiny_gpt2(6)
    tokens = token_batch(random_prompts(6), MAX_POSITIONS, VOCAB, model.device)
    carried = prepare_ablation(Ablation.CORRUPTED, model.weights, [tokens])
    runner = CircuitRunner(build_caches(model, tokens, carried, [Sender(0, Stage.HEAD, 0)]))
    kept: list[Edge] = list(model.graph.edges())
    assert torch.allclose(runner(kept), run_circuit(model, tokens, kept, carried), rtol=0, atol=1e-11)
