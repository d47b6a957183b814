"""How well some output does the task: its KL from the full model, its logit difference, its share correct."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from acdc_custom.choices import Metric
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.engine.caches import Caches
from acdc_custom.engine.metrics import negative_logit_diff, prepare
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.weights import Weights


@torch.no_grad()
def task_performance(chunks: Sequence[Caches], normed: Iterable[Tensor]) -> TaskPerformance:
    """Over the prompts of all chunks; `normed` has each chunk's `[answer row, d_model]`, after the final norm."""
    kls, differences = [], []
    for chunk, out in zip(chunks, normed, strict=True):
        weights = chunk.model.weights
        kls.append(prepare(Metric.KL, weights, chunk.tokens, chunk.model_normed)(out[None])[0])
        differences.append(logit_differences(weights, chunk.tokens, out))
    difference = torch.cat(differences)
    return TaskPerformance(
        float(torch.cat(kls).mean()), float(difference.mean()), float((difference > 0).double().mean())
    )


def logit_differences(weights: Weights, tokens: TokenBatch, normed: Tensor) -> Tensor:
    """Per prompt, `[prompt]` float64, in logits."""
    return -negative_logit_diff(weights, tokens)(normed[None])[0]
