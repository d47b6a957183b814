"""The model's own view of a task: how well it does it, and what each corruption changes.

Owns the two forward passes and the arithmetic. Every prompt that can be used is run once clean, and once corrupted per
corruption; what cannot be run is a problem among the findings, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from acdc_custom.engine.answer_rows import answer_rows
from acdc_custom.engine.footprint import plan
from acdc_custom.engine.metrics import exact
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import AcdcError, ModelError, NoRoom
from acdc_custom.model.check import check_batch
from acdc_custom.model.given import load_model
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.task import Prompt
from acdc_custom.task.examine import Problem, examine
from acdc_custom.task.given import load_task
from acdc_custom.task.tokens import token_text
from acdc_custom.task_check.findings import CorruptionCheck, TaskCheck

AT_ONCE = 16  # prompts at most, so that progress shows


def check_task(
    task: Any,
    model: Any,
    n: int | None = None,
    seed: int = 0,
    on_progress: Progress = silent,
) -> TaskCheck:
    """All that would go wrong with a task on a model, before any search; see `TaskCheck.problems`.

    Task and model may be anything that `load_task` and `load_model` take. `n` and `seed` choose the prompts as they do
    for a search. `on_progress` hears of the prompts that have been run. Raises `UsageError` for an `n` or a `seed` that
    cannot be.
    """
    task, model = load_task(task), load_model(model)
    examination = examine(task, model.tokenizer, n, seed)
    total = sum(len(examined.prompts) for examined in examination.examined)
    tried: list[CorruptionCheck] = []
    trouble: list[Problem] = []

    def on_prompts(more: int) -> None:
        on_progress("Running prompts", more, total)

    for examined in examination.examined:
        if examined.prompts:
            try:
                tried.append(_tried(examined.corruption, examined.prompts, model, on_prompts))
            except ModelError as error:
                trouble.append(Problem(str(error), "Choose another --model."))
                break
            except NoRoom as error:
                trouble.append(Problem(f"{examined.corruption}: {error}", "Give shorter or fewer prompts (--n)."))
            except AcdcError as error:  # its text says what to do
                trouble.append(Problem(f"{examined.corruption}: {error}", ""))
    return TaskCheck(model.name, examination, tuple(tried), tuple(dict.fromkeys(trouble)))


@torch.no_grad()
def _tried(
    corruption: str, prompts: Sequence[Prompt], model: Model, on_prompts: Callable[[int], None]
) -> CorruptionCheck:
    tokens = token_batch(prompts, model.max_positions, len(model.weights.unembedding), model.device)
    check_batch(model, tokens.clean, tokens.corrupted, tokens.is_prompt)
    columns: list[list[Tensor]] = [[], [], [], [], []]
    for part in tokens.chunks(min(AT_ONCE, plan(model, tokens).chunk)):
        rows = answer_rows(part)
        of_rows = [_answer_logits(model, ids, part) for ids in (part.clean, part.corrupted)]
        log_p, log_q = (logits.log_softmax(-1) for logits in of_rows)
        clean, corrupted = (rows.at_contrast(logits) for logits in of_rows)  # each [prompt, vocab]
        best = _at(clean, part.answers, -torch.inf).amax(-1, keepdim=True)
        values = (
            _logit_diffs(clean, part),
            _logit_diffs(corrupted, part),
            1 + (clean > best).sum(-1),
            clean.argmax(-1),
            rows.mean((log_p.exp() * (log_p - log_q)).sum(-1)).clamp_min(0),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
        on_prompts(len(part.clean))
    differences, corrupted_differences, ranks, first, kls = (torch.cat(column).tolist() for column in columns)
    return CorruptionCheck(
        corruption=corruption,
        logit_diffs=tuple(differences),
        corrupted_logit_diffs=tuple(corrupted_differences),
        ranks=tuple(ranks),
        first_words=tuple(token_text(model.tokenizer, token) for token in first),
        kls=tuple(kls),
        templates=tuple(prompt.template for prompt in prompts),
    )


def _answer_logits(model: Model, ids: Tensor, part: TokenBatch) -> Tensor:
    """What the model says after each prompt, and each token of its answer but the last: `[answer row, vocab]`, in
    float64."""
    residual = model.weights.embed(ids)  # [prompt, pos, d_model]
    for layer in layers(model.weights, ids):
        residual = layer.after
    return exact(model.weights.logits(model.weights.final_norm(residual[part.is_answer])))


def _logit_diffs(logits: Tensor, part: TokenBatch) -> Tensor:
    """Mean logit of the answers less that of the foils: `[prompt]`."""
    return _at(logits, part.answers, torch.nan).nanmean(-1) - _at(logits, part.foils, torch.nan).nanmean(-1)


def _at(logits: Tensor, ids: Tensor, missing: float) -> Tensor:
    """`[prompt, vocab]` at `ids` `[prompt, k]`, -1 where a prompt has fewer; gives `[prompt, k]`."""
    ids = ids.to(logits.device)
    return logits.gather(-1, ids.clamp_min(0)).masked_fill(ids < 0, missing)
