"""A batch of prompts as tensors: right-padded tokens, answer positions, the common prefix, spans."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from acdc_custom.engine.spans import Spans, spans_of
from acdc_custom.errors import UsageError
from acdc_custom.task.answers import Forced


class PromptTokens(Protocol):
    """What the engine needs to know of a prompt."""

    @property
    def clean_ids(self) -> Sequence[int]: ...
    @property
    def corrupted_ids(self) -> Sequence[int]: ...
    @property
    def answer_ids(self) -> Sequence[int]: ...
    @property
    def foil_ids(self) -> Sequence[int]: ...
    @property
    def forced(self) -> Forced | None: ...
    @property
    def template(self) -> int: ...
    @property
    def spans(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class TokenBatch:
    """Prompts of several lengths, padded on the right; causal attention never lets padding be read.

    The answer is read at `answer_positions`: the last token of each prompt, or as many as its answer has tokens.
    """

    clean: Tensor  # [prompt, pos]
    corrupted: Tensor  # [prompt, pos]
    answer_positions: Tensor  # [prompt, token]: ascending, the last one again where an answer has fewer
    changed: Tensor  # [prompt, pos]: from the first token that differs, to the last answer position
    # Of an answer of several tokens, answers and foils are those of the first token in which they differ.
    answers: Tensor  # [prompt, answer], -1 where a prompt has fewer
    foils: Tensor  # [prompt, foil], -1 where a prompt has fewer
    contrasts: Tensor  # [prompt]: which token that is, from 0
    forced: Tensor  # [prompt, token]: of answers of several tokens, -1 where one has fewer
    templates: Tensor  # [prompt]: which template each prompt was made from
    span_places: Tensor  # [prompt, pos]: which of the spans each token is in, -1 in the padding
    spans: Spans

    def chunks(self, size: int) -> list[TokenBatch]:
        """The same prompts, at most `size` at a time."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "spans"]
        parts = [getattr(self, name).split(size) for name in names]
        return [
            TokenBatch(**dict(zip(names, part, strict=True)), spans=self.spans) for part in zip(*parts, strict=True)
        ]

    @cached_property
    def is_prompt(self) -> Tensor:
        """`[prompt, pos]`: true up to the last answer position, false in the padding."""
        return torch.arange(self.clean.shape[1], device=self.clean.device) <= self.answer_positions[:, -1:]

    @cached_property
    def is_answer(self) -> Tensor:
        """`[prompt, pos]`: true at the answer positions."""
        return torch.zeros_like(self.changed).scatter_(1, self.answer_positions, True)

    def within(self, span: str) -> Tensor:
        """`[prompt, pos]`: true at the tokens of a span, nowhere if no prompt has it; "" is the whole prompt."""
        if not span:
            return self.is_prompt
        names = self.spans.names
        return self.span_places == (names.index(span) if span in names else len(names))


def token_batch(prompts: Sequence[PromptTokens], max_positions: int, vocab: int, device: torch.device) -> TokenBatch:
    """Tensors for these prompts. Raises `UsageError` for a prompt that the model cannot read."""
    lengths = [len(prompt.clean_ids) for prompt in prompts]
    if max(lengths) > max_positions:
        raise UsageError(
            f"the longest prompt has {max(lengths)} tokens; this model reads at most {max_positions}. "
            "Use shorter prompts."
        )
    forced = [() if p.forced is None else p.forced.ids for p in prompts]
    check_tokens((i for p in prompts for i in (*p.clean_ids, *p.corrupted_ids, *p.answer_ids, *p.foil_ids)), vocab)
    check_tokens((i for ids in forced for i in ids), vocab)
    clean, corrupted = padded([p.clean_ids for p in prompts], 0), padded([p.corrupted_ids for p in prompts], 0)
    ends = torch.tensor(lengths)[:, None] - 1  # [prompt, 1]
    n_asked = torch.tensor([max(1, len(ids)) for ids in forced])[:, None]
    asked = (ends + 1 - n_asked + torch.arange(int(n_asked.max()))).minimum(ends)  # [prompt, token]
    differs_so_far = (clean != corrupted).int().cummax(dim=1).values.bool()
    up_to_answer = torch.arange(clean.shape[1]) <= ends
    spans = spans_of([prompt.spans for prompt in prompts])
    place = {name: number for number, name in enumerate(spans.names)}
    return TokenBatch(
        clean=clean.to(device),
        corrupted=corrupted.to(device),
        answer_positions=asked.to(device),
        changed=(differs_so_far & up_to_answer).to(device),
        answers=padded([p.answer_ids for p in prompts], -1).to(device),
        foils=padded([p.foil_ids for p in prompts], -1).to(device),
        contrasts=torch.tensor([0 if p.forced is None else p.forced.contrast for p in prompts], device=device),
        forced=padded(forced, -1).to(device),
        templates=torch.tensor([p.template for p in prompts], device=device),
        span_places=padded([[place[name] for name in p.spans] for p in prompts], -1).to(device),
        spans=spans,
    )


def check_tokens(ids: Iterable[int], vocab: int) -> None:
    """See that the model has an embedding for each of these tokens. Raises `UsageError`."""
    largest = max(ids, default=0)
    if largest >= vocab:
        raise UsageError(
            f"the tokenizer makes the token {largest}, and the model has embeddings for 0 to {vocab - 1} only: they "
            "do not belong together, or tokens were added and the embedding not resized. Use the model's own tokenizer."
        )


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """`[row, place]`: rows of several lengths, filled up on the right."""
    width = max(map(len, rows), default=0)
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])
