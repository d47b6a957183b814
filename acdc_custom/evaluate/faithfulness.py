"""How near a circuit comes to the model on some prompts (Wang et al. 2022, arXiv 2211.00593, section 4; MIB,
arXiv 2504.13151).

Owns the formulas, each with its interval over prompts: Student's of means, Fieller's of ratios. Works on scores per
prompt; runs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from acdc_custom.evaluate.records import Faithfulness
from acdc_custom.stats.intervals import Estimate, wilson
from acdc_custom.stats.means import Numbers, mean_of, size_of
from acdc_custom.stats.ratio import ratio

if TYPE_CHECKING:
    from acdc_custom.engine.scores import PromptScores

SMALLEST_GAP = 0.01  # logits between the model and no edges: below, there is nothing to recover


def faithfulness(scores: PromptScores, full: PromptScores, empty: PromptScores) -> Faithfulness:
    """Of something that was run on the prompts on which the model and the empty circuit gave `full` and `empty`."""
    kl = mean_of(scores.kl)
    n = len(scores.correct)
    return Faithfulness(
        logit_diff=mean_of(scores.logit_diff),
        absolute=size_of(mean_of(scores.logit_diff - full.logit_diff)),
        normalised=share_of_effect(scores.logit_diff - empty.logit_diff, full, empty),
        kl=replace(kl, low=min(max(kl.low, 0.0), kl.value)),  # a divergence is never negative
        kl_left=ratio(scores.kl, empty.kl),
        correct=Estimate(float(scores.correct.mean()), *wilson(int(scores.correct.sum()), n)),
    )


def share_of_effect(difference: Numbers, full: PromptScores, empty: PromptScores) -> Estimate | None:
    """A difference of logit differences `[prompt]` as a share of F(M) - F(empty); None where that is not defined."""
    effect = full.logit_diff - empty.logit_diff
    return ratio(difference, effect) if abs(effect.mean()) >= SMALLEST_GAP else None
