"""What a search minimises: one number per candidate, from the final residual stream.

Owns the metrics and their arithmetic. A metric is always minimised; differences between candidates are
taken in float64 whatever the model's precision.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from acdc_custom.choices import CustomMetric, Metric
from acdc_custom.engine.answer_rows import AnswerRows, Gather, answer_rows
from acdc_custom.engine.tokens import TokenBatch
from acdc_custom.errors import SearchError, UsageError
from acdc_custom.model.norm import soft_capped
from acdc_custom.model.weights import Weights


class Objective(Protocol):
    """A metric made ready for one batch."""

    def __call__(self, normed: Tensor) -> Tensor:
        """`normed` `[candidate, answer row, d_model]`, after the final norm; gives `[candidate, prompt]`."""


@dataclass(frozen=True)
class OverRows:
    """The mean of a metric over the tokens of each answer, or their sum; `of_rows` gives `[candidate, answer row]`."""

    of_rows: Objective
    gather: Gather

    def __call__(self, normed: Tensor) -> Tensor:
        return self.gather(self.of_rows(normed))


@dataclass(frozen=True)
class AtContrast:
    """A metric of one token of each answer: the first in which answer and foil differ."""

    of_contrasts: Objective
    rows: AnswerRows

    def __call__(self, normed: Tensor) -> Tensor:
        return self.of_contrasts(self.rows.at_contrast(normed))


@dataclass(frozen=True)
class KlFromModel:
    """KL(full model || circuit) at the answer rows, in nats.

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
class KlOfCappedLogits:
    """KL(full model || circuit) where logits are soft-capped: they are not linear then, and all of them are needed."""

    weights: Weights
    model_logits: Tensor  # [prompt, vocab]
    p: Tensor  # [prompt, vocab]
    log_total: Tensor  # [prompt] float64: log-sum-exp of the full model's logits

    def __call__(self, normed: Tensor) -> Tensor:
        logits = self.weights.logits(normed)
        # Differences from the model's logits, not logits: small numbers, which lose nothing in the sum.
        expected = ((logits - self.model_logits) * self.p).sum(-1)
        return log_sum_exp(logits) - self.log_total - exact(expected)


@dataclass(frozen=True)
class NegativeLogitDiff:
    """Minus (mean logit of the answers - mean logit of the foils), in logits."""

    direction: Tensor  # [prompt, d_model] float64
    constant: Tensor  # [prompt] float64

    def __call__(self, normed: Tensor) -> Tensor:
        return -torch.einsum("cnd,nd->cn", exact(normed), self.direction) - self.constant


@dataclass(frozen=True)
class NegativeCappedLogitDiff:
    """The same where logits are soft-capped: each word's logit by itself, answers and foils side by side."""

    rows: Tensor  # [prompt, word, d_model] float64: of the unembedding
    bias: Tensor  # [prompt, word] float64
    share: Tensor  # [prompt, word] float64: 1 / answers, -1 / foils, 0 where a prompt has fewer words
    cap: float

    def __call__(self, normed: Tensor) -> Tensor:
        logits = torch.einsum("cnd,nwd->cnw", exact(normed), self.rows) + self.bias
        return -(soft_capped(logits, self.cap) * self.share).sum(-1)


@dataclass(frozen=True)
class LogitDiffDistance:
    """|logit difference - the full model's|, in logits."""

    negative: Objective
    of_model: Tensor  # [prompt] float64

    def __call__(self, normed: Tensor) -> Tensor:
        return (-self.negative(normed) - self.of_model).abs()


@dataclass(frozen=True)
class NegativeAnswerLogprob:
    """Minus the log-probability that one of the answers is next, in nats."""

    weights: Weights
    answers: Tensor  # [answer row, answer], -1 where a row has fewer

    def __call__(self, normed: Tensor) -> Tensor:
        logits = self.weights.logits(normed)
        of_answers = exact(_at(logits, self.answers, -torch.inf)).logsumexp(-1)
        return log_sum_exp(logits) - of_answers


@dataclass(frozen=True)
class AnswerRank:
    """The number of words whose logit is above the best answer's; 0 when the answer comes first."""

    weights: Weights
    answers: Tensor  # [answer row, answer], -1 where a row has fewer

    def __call__(self, normed: Tensor) -> Tensor:
        logits = self.weights.logits(normed)
        best = _at(logits, self.answers, -torch.inf).amax(-1, keepdim=True)
        return exact((logits > best).sum(-1))


@dataclass(frozen=True)
class MetricBatch:
    """What a user's own metric is told of the batch.

    With answers of several tokens, each token counts as a prompt of its own; their mean is then the prompt's. Only the
    token at which answer and foil are told apart has foils.
    """

    model_logits: Tensor  # [prompt, vocab]: the full model's, on the clean prompts
    answers: Sequence[Sequence[int]]  # token ids, per prompt
    foils: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Custom:
    """A user's function: `function(logits [candidate, prompt, vocab], batch: MetricBatch) -> [candidate, prompt]`."""

    weights: Weights
    name: str
    function: Callable[[Tensor, MetricBatch], Tensor]
    batch: MetricBatch

    def __call__(self, normed: Tensor) -> Tensor:
        logits = self.weights.logits(normed)
        try:
            values = self.function(logits, self.batch)
        except Exception as error:
            raise SearchError(f"the metric {self.name} failed: {type(error).__name__}: {error}") from error
        if not isinstance(values, Tensor) or values.shape != logits.shape[:2]:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise SearchError(
                f"the metric {self.name} gave {got}; it has to give a tensor of shape {tuple(logits.shape[:2])}, "
                "one number per candidate and prompt."
            )
        return exact(values)


def log_sum_exp(logits: Tensor) -> Tensor:
    """`[..., vocab]` to `[...]` in float64; the exponentials stay in the logits' precision. Overwrites the logits."""
    top = logits.amax(-1, keepdim=True)
    total = logits.sub_(top).exp_().sum(-1)
    return exact(top.squeeze(-1)) + exact(total).log()


def exact(x: Tensor) -> Tensor:
    """In float64, on the CPU if the device has no float64."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def prepare(metric: Metric | CustomMetric, weights: Weights, tokens: TokenBatch, normed: Tensor) -> Objective:
    """The metric for this batch. `normed` `[answer row, d_model]` is the full model's, on the clean prompts.

    Over the tokens of an answer of several, the metric is the mean, the log-probability the sum; the logit difference
    is the one at the first token in which answer and foil differ.
    """
    rows = answer_rows(tokens)
    match metric:
        case CustomMetric():
            batch = MetricBatch(weights.logits(normed), _listed(rows.answers), _listed(rows.foils))
            return _over(rows, Custom(weights, metric.value, load_function(metric.value), batch), rows.mean)
        case Metric.KL:
            return _over(rows, _kl(weights, normed), rows.mean)
        case Metric.LOGIT_DIFF:
            return negative_logit_diff(weights, tokens)
        case Metric.LOGIT_DIFF_DISTANCE:
            negative = negative_logit_diff(weights, tokens)
            return LogitDiffDistance(negative, -negative(normed[None])[0])
        case Metric.ANSWER_LOGPROB:
            return _over(rows, NegativeAnswerLogprob(weights, rows.answers), rows.total)
        case Metric.ANSWER_RANK:
            return _over(rows, AnswerRank(weights, rows.answers), rows.mean)


def _over(rows: AnswerRows, of_rows: Objective, gather: Gather) -> Objective:
    return of_rows if rows.one_each else OverRows(of_rows, gather)


def mean_over_chunks(values: Sequence[Tensor]) -> list[float]:
    """Over the prompts of all chunks, each `[candidate, prompt]`; one number per candidate."""
    means: list[float] = torch.cat(list(values), dim=-1).mean(-1).tolist()
    return means


def load_function(name: str) -> Callable[[Tensor, MetricBatch], Tensor]:
    """The function `module:function`, importable from the current folder too. Raises `UsageError`.

    A module of the current folder is read as it stands, whatever was loaded by that name before: a notebook goes on
    while its metric is edited.
    """
    module_name, _, function_name = name.partition(":")
    if os.path.isfile(f"{module_name}.py"):
        sys.modules.pop(module_name, None)
    importlib.invalidate_caches()
    sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:  # a user's module may fail in any way
        problem = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"the metric {name} cannot be loaded: {problem}. Give module:function.") from error
    finally:
        sys.path.pop(0)
    if not callable(function):
        raise UsageError(f"the metric {name} is no function.")
    return function  # type: ignore[no-any-return]


def _listed(ids: Tensor) -> list[list[int]]:
    return [[token for token in row if token >= 0] for row in ids.tolist()]


def _at(logits: Tensor, ids: Tensor, missing: float) -> Tensor:
    """`[candidate, prompt, vocab]` at `ids` `[prompt, k]`; gives `[candidate, prompt, k]`."""
    picked = logits.gather(-1, ids.clamp_min(0).expand(len(logits), -1, -1))
    return picked.masked_fill(ids < 0, missing)


def negative_logit_diff(weights: Weights, tokens: TokenBatch) -> Objective:
    """Minus the logit difference, at the first token of each answer that differs from the foils'."""
    rows = answer_rows(tokens)
    of_contrasts = _negative_logit_diff(weights, tokens)
    return of_contrasts if rows.one_each else AtContrast(of_contrasts, rows)


def _negative_logit_diff(weights: Weights, tokens: TokenBatch) -> Objective:
    """For models whose logits are soft-capped and for others; of `[candidate, prompt, d_model]`."""
    if weights.logit_soft_cap is None:
        return NegativeLogitDiff(*logit_diff_direction(weights, tokens))
    words = torch.cat((tokens.answers, tokens.foils), dim=1).clamp_min(0)  # [prompt, word]
    present = [exact(ids >= 0) for ids in (tokens.answers, tokens.foils)]
    answers, foils = (p / p.sum(-1, keepdim=True) for p in present)
    share = torch.cat((answers, -foils), dim=1)
    bias = weights.unembedding_bias
    word_bias = torch.zeros_like(share) if bias is None else exact(bias[words])
    return NegativeCappedLogitDiff(exact(weights.unembedding[words]), word_bias, share, weights.logit_soft_cap)


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


def _kl(weights: Weights, normed: Tensor) -> Objective:
    logits = weights.logits(normed)  # [prompt, vocab]
    log_p = exact(logits).log_softmax(-1)
    p = log_p.exp()
    if weights.logit_soft_cap is not None:
        return KlOfCappedLogits(weights, logits, p.to(logits), log_sum_exp(logits.clone()))
    bias = weights.unembedding_bias
    log_p_less_bias = log_p if bias is None else log_p - exact(bias)
    return KlFromModel(weights, p @ exact(weights.unembedding), (p * log_p_less_bias).sum(-1))
