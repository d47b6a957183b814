"""How well some output does the task: its KL from the full model, its logit difference, its share correct."""

from __future__ import annotations

import torch
from torch import Tensor

from acdc_custom.choices import Metric
from acdc_custom.circuit import Behaviour
from acdc_custom.engine.metrics import negative_logit_diff, prepare
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.weights import Weights


@torch.no_grad()
def behaviour(weights: Weights, tokens: TokenBatch, model_normed: Tensor, normed: Tensor) -> Behaviour:
    """Of `normed` `[answer row, d_model]`, against the full model's `model_normed`; both after the final norm."""
    kl = prepare(Metric.KL, weights, tokens, model_normed)(normed[None]).mean()
    differences = logit_differences(weights, tokens, normed)
    return Behaviour(float(kl), float(differences.mean()), float((differences > 0).double().mean()))


def logit_differences(weights: Weights, tokens: TokenBatch, normed: Tensor) -> Tensor:
    """Per prompt, `[prompt]` float64, in logits."""
    return -negative_logit_diff(weights, tokens)(normed[None])[0]
