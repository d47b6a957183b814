"""Sets of words as tokens, the directions of tokens in the model, and random words to compare with.

Owns which token a word is (the one by which it continues a text) and where its direction is taken. A direction depends
on the word alone: at the embedding it has no position, and after block 0 the token stands alone, behind the
beginning-of-text token if the task's prompts have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from acdc_custom.choices import TokenPlace
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.heads.words import TokenizerVocabulary
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.task import Task
from acdc_custom.task.pattern import refs
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.tokens import Encoder

FEWEST = 3  # words of a set: with fewer there are no pairs to speak of
POOL = 2000  # random words at most
AT_ONCE = 500  # tokens


@dataclass(frozen=True)
class WordSet:
    """Words that are one token each, and those that are not and were left out."""

    name: str
    words: tuple[str, ...]
    tokens: tuple[int, ...]
    left_out: tuple[str, ...]


def task_words(task: Task, tokenizer: Any, name: str | None = None) -> WordSet:
    """A word list of a task: the one of this name, or the one that the answers come from.

    Raises `UsageError` as `given_words` does, and if there is no such list.
    """
    prompts = task.spec.prompts
    if not isinstance(prompts, TemplateSpec):
        raise UsageError(
            f"the task {task.name} has no word lists. Give the words themselves, with commas between them."
        )
    answers = [prompts.slots[ref.slot] for ref in refs(prompts.answer)]
    name = name or next(iter([*answers, *prompts.words]))
    if name not in prompts.words:
        raise UsageError(
            f'the task {task.name} has no word list "{name}".{did_you_mean(name, prompts.words)} '
            f"There are: {', '.join(prompts.words)}. Or give the words, with commas between them."
        )
    chosen = prompts.words[name]
    return _word_set(f"the list {chosen.name}", tokenizer, [word for row in chosen.rows for word in row])


def given_words(tokenizer: Any, words: Sequence[str]) -> WordSet:
    """These words. Raises `UsageError` if fewer than three of them are one token."""
    return _word_set("the given words", tokenizer, words)


def random_words(tokenizer: Any, vocab: int, without: Sequence[int], seed: int = 0) -> tuple[int, ...]:
    """Up to `POOL` random tokens that are whole words of letters and continue a text, other than `without`."""
    vocabulary = TokenizerVocabulary(tokenizer)
    generator = torch.Generator().manual_seed(seed)
    found: list[int] = []
    for token in torch.randperm(vocab, generator=generator).tolist():
        if len(found) == POOL:
            break
        if token not in without and vocabulary.word(token).isalpha() and vocabulary.continuing(token) == token:
            found.append(token)
    return tuple(found)


@torch.no_grad()
def token_residuals(model: Model, tokens: Sequence[int], place: TokenPlace, bos: Sequence[int] = ()) -> Tensor:
    """What a token has written into the residual stream at a place, not normalised: `[token, d_model]`."""
    ids = torch.tensor(tokens, dtype=torch.long, device=model.device)
    if place is TokenPlace.EMBEDDING:
        return model.weights.token_embedding[ids]
    before = torch.tensor(bos, dtype=torch.long, device=model.device)
    prompts = torch.cat((before.expand(len(ids), -1), ids[:, None]), dim=1)
    return torch.cat([next(layers(model.weights, some)).after[:, -1] for some in torch.split(prompts, AT_ONCE)])


def token_directions(model: Model, tokens: Sequence[int], place: TokenPlace, bos: Sequence[int] = ()) -> Tensor:
    """The same as the next block reads it: after block 0 it goes through block 1's norm (block 0's, if it is alone)."""
    residuals = token_residuals(model, tokens, place, bos)
    if place is TokenPlace.EMBEDDING:
        return residuals
    blocks = model.weights.blocks
    return blocks[min(1, len(blocks) - 1)].attention_norm(residuals)


def bos_of(task: Task, tokenizer: Any) -> tuple[int, ...]:
    """What comes before every prompt of the task: the beginning-of-text token, or nothing."""
    return Encoder(tokenizer).beginning(task.prepend_bos)


def _word_set(name: str, tokenizer: Any, words: Sequence[str]) -> WordSet:
    distinct = tuple(dict.fromkeys(word.strip() for word in words))
    encoder = Encoder(tokenizer)
    found = {word: token for word in distinct if (token := encoder.word(word)) is not None}
    left_out = tuple(word for word in distinct if word not in found)
    if len(found) < FEWEST:
        raise UsageError(
            f"{name}: {len(found)} of {len(distinct)} words are one token for this tokenizer, and at least {FEWEST} "
            f"are needed. Not one token: {', '.join(left_out) or 'none'}."
        )
    return WordSet(name, tuple(found), tuple(found.values()), left_out)
