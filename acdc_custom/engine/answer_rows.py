"""Where the answer is read, and what is asked there: one row per prompt and token of its answer.

Owns the way from rows to prompts. An answer of one token is one row; of several tokens, asked by teacher forcing, a
row each. Answer and foil are told apart at one of them, the *contrast*. Rows are in the order of the prompts, and in
each of its tokens: that of `tokens.is_answer`, and of the rows of END in a layout. Knows no metrics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.engine.tokens import TokenBatch


@dataclass(frozen=True)
class AnswerRows:
    """The answer rows of some prompts."""

    prompts: Tensor  # [answer row]
    contrasts: Tensor  # [prompt]: which of the rows
    answers: Tensor  # [answer row, answer], -1 where a row has fewer
    foils: Tensor  # [answer row, foil], -1 where a row has fewer: all rows but the contrasts have none

    @property
    def one_each(self) -> bool:
        """Whether rows are prompts."""
        return len(self.prompts) == len(self.contrasts)

    def at_contrast(self, x: Tensor) -> Tensor:
        """`[..., answer row, d]` to `[..., prompt, d]`."""
        return x if self.one_each else x.index_select(-2, self.contrasts.to(x.device))

    def total(self, values: Tensor) -> Tensor:
        """The sum over each prompt's rows: `[..., answer row]` to `[..., prompt]`."""
        if self.one_each:
            return values
        of_prompts = values.new_zeros(*values.shape[:-1], len(self.contrasts))
        return of_prompts.index_add_(-1, self.prompts.to(values.device), values)

    def mean(self, values: Tensor) -> Tensor:
        """The mean over each prompt's rows: `[..., answer row]` to `[..., prompt]`."""
        return values if self.one_each else self.total(values) / self.total(torch.ones_like(values))


Gather = Callable[[Tensor], Tensor]  # `AnswerRows.mean`, or `total`


def answer_rows(tokens: TokenBatch) -> AnswerRows:
    """Of a batch, or of a chunk of it."""
    prompts, _ = tokens.is_answer.nonzero(as_tuple=True)
    n_rows = tokens.is_answer.sum(1)
    starts = n_rows.cumsum(0) - n_rows
    contrasts = starts + tokens.contrasts
    if len(prompts) == len(n_rows):
        return AnswerRows(prompts, contrasts, tokens.answers, tokens.foils)
    width = tokens.answers.shape[1]
    answers = torch.full((len(prompts), width), -1, device=prompts.device)
    foils = torch.full((len(prompts), tokens.foils.shape[1]), -1, device=prompts.device)
    answers[:, 0] = tokens.forced[prompts, torch.arange(len(prompts), device=prompts.device) - starts[prompts]]
    answers[contrasts], foils[contrasts] = tokens.answers, tokens.foils
    return AnswerRows(prompts, contrasts, answers, foils)
