"""Prompts become right-padded tensors."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyPrompt

from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError

PROMPTS = [
    TinyPrompt((1, 2, 3, 4), (1, 2, 9, 4), (5,), (6, 7)),
    TinyPrompt((1, 2, 3), (1, 8, 3), (5, 4), (6,)),
]


def batch(max_positions: int = 8, vocab: int = 10) -> TokenBatch:
    return token_batch(PROMPTS, max_positions, vocab, torch.device("cpu"))


def test_padding_is_on_the_right_and_the_answer_at_each_prompts_end() -> None:
    assert batch().clean.tolist() == [[1, 2, 3, 4], [1, 2, 3, 0]]
    assert batch().answer_positions.tolist() == [[3], [2]]
    assert batch().is_answer.int().tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]


def test_what_changes_begins_at_the_first_difference_and_ends_at_the_answer() -> None:
    assert batch().changed.int().tolist() == [[0, 0, 1, 1], [0, 1, 1, 0]]


def test_missing_answers_and_foils_are_marked() -> None:
    assert batch().answers.tolist() == [[5, -1], [5, 4]]
    assert batch().foils.tolist() == [[6, 7], [6, -1]]


def test_a_prompt_longer_than_the_model_reads_is_refused() -> None:
    with pytest.raises(UsageError, match="the longest prompt has 4 tokens; this model reads at most 3"):
        batch(max_positions=3)


def test_tokens_that_the_model_does_not_have_are_refused() -> None:
    with pytest.raises(UsageError, match="makes the token 9, and the model has embeddings for 0 to 8 only"):
        batch(vocab=9)
