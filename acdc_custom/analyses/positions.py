"""The positions of a batch as people speak of them: tokens of a template, or roles.

Owns which tokens of each prompt make up one column of a layer x position figure, and the column's label. If all prompts
have one template, each token is a column. If templates differ, so that the third token of one prompt has nothing to do
with the third of another, each position that the task names is a column, in the order in which they mostly stand; one
last column holds all other tokens together, so that nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.task.batch import Prompt
from acdc_custom.task.tokens import token_text

REST = "all others"


@dataclass(frozen=True, eq=False)
class PositionColumns:
    """The columns of a layer x position figure."""

    labels: tuple[str, ...]
    mask: Tensor  # [column, prompt, pos]: true where a token belongs to the column


def positions_of(prompts: Sequence[Prompt], tokens: TokenBatch, tokenizer: Any) -> PositionColumns:
    """The columns for these prompts."""
    first = prompts[0]
    if all((p.template, len(p.clean_ids), p.positions) == _form(first) for p in prompts):
        labels = [_label(prompts, position, tokenizer) for position in range(len(first.clean_ids))]
        each = torch.eye(len(labels), dtype=torch.bool, device=tokens.clean.device)
        return PositionColumns(tuple(labels), each[:, None].expand(-1, len(prompts), -1))
    names = [name for name in first.positions if all(name in p.positions for p in prompts)]
    names.sort(key=lambda name: mean(p.positions[name] for p in prompts))
    mask = torch.zeros(len(names) + 1, *tokens.clean.shape, dtype=torch.bool, device=tokens.clean.device)
    for column, name in enumerate(names):
        for row, prompt in enumerate(prompts):
            mask[column, row, prompt.positions[name]] = True
    mask[-1] = tokens.is_prompt & ~mask[:-1].any(0)
    return PositionColumns((*names, REST), mask)


def token_label(tokenizer: Any, token: int) -> str:
    """A token as text that fits on an axis."""
    text = token_text(tokenizer, token)
    return text.strip() or repr(text).strip("'")


def _form(prompt: Prompt) -> tuple[int, int, dict[str, int]]:
    return prompt.template, len(prompt.clean_ids), prompt.positions


def _label(prompts: Sequence[Prompt], position: int, tokenizer: Any) -> str:
    """The token's text where all prompts agree, and its names."""
    names = "/".join(name for name, place in prompts[0].positions.items() if place == position)
    ids = {prompt.clean_ids[position] for prompt in prompts}
    if len(ids) > 1:
        return names or f"token {position}"
    text = token_label(tokenizer, ids.pop())
    return f"{text} ({names})" if names else text
