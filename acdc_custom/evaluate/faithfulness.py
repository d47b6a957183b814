"""How near a circuit comes to the model on some prompts (Wang et al. 2022, arXiv 2211.00593, section 4; MIB,
arXiv 2504.13151).

Owns the formulas, each with its bootstrap interval over prompts. Works on scores per prompt; runs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from acdc_custom.evaluate.records import Faithfulness
from acdc_custom.stats.bootstrap import Numbers, estimate, interval, resampled_means

if TYPE_CHECKING:
    from acdc_custom.engine.scores import PromptScores

SMALLEST_GAP = 0.01  # logits between the model and no edges: below, there is nothing to recover


def faithfulness(scores: PromptScores, full: PromptScores, empty: PromptScores, seed: int) -> Faithfulness:
    """Of something that was run on the prompts on which the model and the empty circuit gave `full` and `empty`."""
    columns = [scores.logit_diff, full.logit_diff, empty.logit_diff]
    inside, model, nothing = (float(column.mean()) for column in columns)
    recovered = None
    if abs(model - nothing) >= SMALLEST_GAP:
        a, m, z = resampled_means(columns, seed)
        # A resample without a gap says nothing of the share.
        there = np.abs(m - z) >= SMALLEST_GAP
        recovered = interval((inside - nothing) / (model - nothing), ((a - z) / np.where(there, m - z, 1))[there])
    return Faithfulness(
        logit_diff=estimate(_mean, [scores.logit_diff], seed),
        absolute=estimate(_distance, [scores.logit_diff, full.logit_diff], seed),
        normalised=recovered,
        kl=estimate(_mean, [scores.kl], seed),
        correct=estimate(_mean, [scores.correct], seed),
    )


def _mean(means: Numbers) -> Numbers:
    return means


def _distance(one: Numbers, other: Numbers) -> Numbers:
    return np.abs(one - other)
