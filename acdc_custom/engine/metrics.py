"""What a search minimises: one number per candidate, from the final residual stream.

Owns the metrics and their arithmetic. A metric is always minimised; differences between candidates are
taken in float64 whatever the model's precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from acdc_custom.choices import Metric
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.model.weights import Weights


class Objective(Protocol):
    """A metric made ready for one batch."""

    def __call__(self, normed: Tensor) -> Tensor:
        """`normed` `[candidate, answer row, d_model]`, after the final norm; gives `[candidate, answer row]`."""


@dataclass(frozen=True)
class KlFromModel:
    """KL(full model || circuit) at the answer position, in nats.

    For a fixed distribution p only `sum_v p_v logit_v` and the log-sum-exp of the logits are needed, and the
    former is one dot product with a vector known beforehand: no softmax is ever written down.
    """

    weights: Weights
    expected: Tensor  # [prompt, d_model] float64: sum_v p_v unembedding_v
    constant: Tensor  # [prompt] float64: sum_v p_v (log p_v - bias_v)

    def __call__(self, normed: Tensor) -> Tensor:
        expected_logit = torch.einsum("cnd,nd->cn", exact(normed), self.expected)
        return self.constant - expected_logit + log_sum_exp(self.weights.logits(normed))


@dataclass(frozen=True)
class NegativeLogitDiff:
    """Minus (mean logit of the answers - mean logit of the foils), in logits."""

    direction: Tensor  # [prompt, d_model] float64
    constant: Tensor  # [prompt] float64

    def __call__(self, normed: Tensor) -> Tensor:
        return -torch.einsum("cnd,nd->cn", exact(normed), self.direction) - self.constant


def log_sum_exp(logits: Tensor) -> Tensor:
    """`[..., vocab]` to `[...]` in float64; the exponentials stay in the logits' precision. Overwrites the logits."""
    top = logits.amax(-1, keepdim=True)
    total = logits.sub_(top).exp_().sum(-1)
    return exact(top.squeeze(-1)) + exact(total).log()


def exact(x: Tensor) -> Tensor:
    """In float64, on the CPU if the device has no float64."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def prepare(metric: Metric, weights: Weights, tokens: TokenBatch, normed: Tensor) -> Objective:
    """The metric for this batch. `normed` `[answer row, d_model]` is the full model's, on the clean prompts."""
    match metric:
        case Metric.KL:
            return _kl(weights, normed)
        case Metric.LOGIT_DIFF:
            return NegativeLogitDiff(*logit_diff_direction(weights, tokens))


def logit_diff_direction(weights: Weights, tokens: TokenBatch) -> tuple[Tensor, Tensor]:
    """The direction `[prompt, d_model]` and the bias `[prompt]` whose dot product is the logit difference."""
    bias = weights.unembedding_bias
    direction = _mean(weights.unembedding, tokens.answers) - _mean(weights.unembedding, tokens.foils)
    if bias is None:
        return direction, direction.new_zeros(len(direction))
    return direction, (_mean(bias[:, None], tokens.answers) - _mean(bias[:, None], tokens.foils))[:, 0]


def _mean(rows: Tensor, ids: Tensor) -> Tensor:
    present = exact(ids >= 0)[..., None]  # [prompt, answer, 1]
    return (exact(rows[ids.clamp_min(0)]) * present).sum(1) / present.sum(1)


def _kl(weights: Weights, normed: Tensor) -> KlFromModel:
    log_p = exact(weights.logits(normed)).log_softmax(-1)  # [prompt, vocab]
    p = log_p.exp()
    bias = weights.unembedding_bias
    log_p_less_bias = log_p if bias is None else log_p - exact(bias)
    return KlFromModel(weights, p @ exact(weights.unembedding), (p * log_p_less_bias).sum(-1))
