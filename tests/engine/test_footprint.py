"""What a search takes is known before it begins, and fits under the limit."""

from __future__ import annotations

import pytest
import torch
from tiny import MAX_POSITIONS, VOCAB, random_prompts, tiny_gpt2

from acdc_custom.choices import Ablation
from acdc_custom.engine import footprint
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.footprint import free_bytes, needs_of, out_of_memory, peak_bytes, plan, used_bytes
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.model.model import Model

CPU = torch.device("cpu")
IN_USE = 10**9


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model on a machine where 1 GB is in use."""
    monkeypatch.setattr(footprint, "used_bytes", lambda device: IN_USE)
    return tiny_gpt2(0)


def tokens_of(model: Model, n: int) -> TokenBatch:
    return token_batch(random_prompts(0, n=n), MAX_POSITIONS, VOCAB, model.device)


def test_with_room_enough_all_prompts_are_run_at_once(model: Model) -> None:
    planned = plan(model, tokens_of(model, 32), 10 * 10**9)
    assert planned.chunk == 32
    assert planned.window_bytes == WINDOW_BYTES
    assert IN_USE + WINDOW_BYTES < planned.peak < planned.limit == 10 * 10**9


def test_with_less_room_prompts_are_run_in_smaller_chunks_and_candidates_in_smaller_windows(model: Model) -> None:
    tokens = tokens_of(model, 32)
    needs = needs_of(model, tokens)
    least = IN_USE + needs.held + needs.fixed + needs.per_prompt
    chunks = []
    for room in (0, 1, 3, 7, 31, 1000):
        planned = plan(model, tokens, least + room * needs.per_prompt)
        assert planned.peak <= planned.limit
        chunks.append(planned.chunk)
    assert chunks == [1, 2, 4, 8, 32, 32]
    with pytest.raises(
        UsageError, match=r"32 prompts.*are allowed. Use fewer prompts .--n., or a higher --memory-limit"
    ):
        plan(model, tokens, least - 1)


def test_the_caches_take_no_more_than_was_said(model: Model) -> None:
    tokens = tokens_of(model, 32)
    for ablation in (Ablation.CORRUPTED, Ablation.ZERO):
        caches = build_caches(model, tokens, AblatedActivations(ablation, None))
        kept = [caches.output, caches.delta, caches.residuals]
        assert sum(tensor.nbytes for tensor in kept) <= needs_of(model, tokens).held


def test_needs_grow_with_the_number_of_prompts(model: Model) -> None:
    few, many = (needs_of(model, tokens_of(model, n)) for n in (8, 64))
    assert many.fixed == few.fixed
    assert 6 * few.held < many.held < 10 * few.held


def test_this_machines_memory_is_known() -> None:
    assert 10**7 < 0.9 * used_bytes(CPU) < peak_bytes(CPU)  # the two are counted a little differently
    assert free_bytes(CPU) > 0


def test_only_running_out_of_memory_counts_as_that() -> None:
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"))
