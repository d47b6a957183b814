"""How well the model does the task: the logit difference, its spread between prompts, and whether more prompts matter.

Owns the runs on many prompts, of which only the end is kept. The first ten of five hundred prompts are the ten of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from acdc_custom.engine.performance import logit_differences
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.figures.charts import histogram
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.table import Row, Tabular
from acdc_custom.model.layers import layers
from acdc_custom.model.model import Model
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.task import Task

SIZES = (10, 50, 500)
AT_ONCE = 25  # prompts


@dataclass(frozen=True, eq=False)
class BehaviourSpread(Tabular):
    """Logit differences (logits) and probabilities of the answer, per prompt."""

    sizes: tuple[int, ...]  # how many of the prompts each row of the table looks at; the last is all of them
    asked: int  # how many prompts were wanted; the task may have fewer
    clean: np.ndarray  # [prompt]: logit differences on the clean prompts
    corrupted: np.ndarray  # [prompt]: the same on the corrupted prompts
    probability: np.ndarray  # [prompt]: of the answer (all its words together), on the clean prompts

    def to_rows(self) -> list[Row]:
        """One row per number of prompts: mean, standard deviation, standard error of the mean, extremes."""
        return [
            {
                "n": n,
                "mean": float(some.mean()),
                "std": float(some.std(ddof=1)) if n > 1 else float("nan"),
                "standard_error": float(some.std(ddof=1) / n**0.5) if n > 1 else float("nan"),
                "min": float(some.min()),
                "max": float(some.max()),
                "correct": float((some > 0).mean()),
                "corrupted_mean": float(self.corrupted[:n].mean()),
                "answer_probability": float(self.probability[:n].mean()),
            }
            for n, some in ((n, self.clean[:n]) for n in self.sizes)
        ]


@torch.no_grad()
def behaviour_spread(
    task: Task,
    model: Model,
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
    corruption: str | None = None,
    on_progress: Progress = silent,
) -> BehaviourSpread:
    """The logit difference on the largest of `sizes` prompts, or on as many as the task can make.

    A smaller size looks at the first so many. Of an answer of several tokens, the first counts in which it differs from
    the foil. Raises `TaskError` for a task that does not fit the tokenizer.
    """
    prompts = task.up_to(max(sizes), model.tokenizer, seed, corruption).at_contrast.prompts
    clean, corrupted, probability = [], [], []
    for start in range(0, len(prompts), AT_ONCE):
        some = prompts[start : start + AT_ONCE]
        tokens = token_batch(some, model.max_positions, len(model.weights.unembedding), model.device)
        normed = _end(model, tokens, tokens.clean)
        clean.append(logit_differences(model.weights, tokens, normed))
        corrupted.append(logit_differences(model.weights, tokens, _end(model, tokens, tokens.corrupted)))
        shares = model.weights.logits(normed).softmax(-1).gather(-1, tokens.answers.clamp_min(0))
        probability.append((shares * (tokens.answers >= 0)).sum(-1))
        on_progress("Running prompts", len(some), len(prompts))
    return BehaviourSpread(
        tuple(sorted({min(size, len(prompts)) for size in sizes})),
        max(sizes),
        *(torch.cat(values).double().cpu().numpy() for values in (clean, corrupted, probability)),
    )


def _end(model: Model, tokens: TokenBatch, ids: Tensor) -> Tensor:
    """The final residual stream at END, normalised: `[prompt, d_model]`."""
    *_, last = layers(model.weights, ids)
    return model.weights.final_norm(last.after[tokens.is_answer])


def draw_behaviour_spread(result: BehaviourSpread, theme: Theme = Theme.LIGHT) -> Figure:
    """A histogram of the logit differences on clean and on corrupted prompts, all prompts together."""
    title = f"Logit difference between answer and foil, {len(result.clean)} prompts"
    samples = {"clean": result.clean, "corrupted": result.corrupted}
    return histogram(samples, title, "logit difference (logits)", "share of prompts", theme)
