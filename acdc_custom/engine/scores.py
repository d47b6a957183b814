"""Circuits on one batch of prompts, and how well each does the task, prompt by prompt.

Owns the numbers that every evaluation is made of. Which circuits are worth running is its callers' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from acdc_custom.choices import Metric
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.engine.circuits import CircuitRunner
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.performance import logit_differences
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.graph import Edge

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PromptScores:
    """How well something does the task, one number per prompt."""

    kl: Numbers  # [prompt]: from the full model, in nats
    logit_diff: Numbers  # [prompt], in logits

    @property
    def correct(self) -> Numbers:
        """`[prompt]`: 1 where the answer has a higher logit than the foil."""
        return (self.logit_diff > 0).astype(np.float64)

    def behaviour(self) -> TaskPerformance:
        """Over all prompts."""
        return TaskPerformance(float(self.kl.mean()), float(self.logit_diff.mean()), float(self.correct.mean()))


class CircuitScorer:
    """Runs sets of edges on a batch. `full` is the model on the clean prompts, `empty` the circuit without edges."""

    def __init__(self, prepared: PreparedBatch) -> None:
        self.prepared = prepared
        self._runners = [CircuitRunner(chunk) for chunk in prepared.chunks]
        self._kls = [
            prepare(Metric.KL, chunk.model.weights, chunk.tokens, chunk.model_normed) for chunk in prepared.chunks
        ]
        self.full = self.scores([chunk.model_normed for chunk in prepared.chunks])
        self.empty = self(())

    def __call__(self, edges: Iterable[Edge]) -> PromptScores:
        """The circuit of these edges."""
        kept = tuple(edges)
        return self.scores([runner(kept) for runner in self._runners])

    @torch.no_grad()
    def scores(self, normed: Sequence[Tensor]) -> PromptScores:
        """Of something that was run: each chunk's final residual at the answer, normalised, `[answer row, d_model]`."""
        chunks = self.prepared.chunks
        kl = [objective(out[None])[0] for objective, out in zip(self._kls, normed, strict=True)]
        differences = [
            logit_differences(chunk.model.weights, chunk.tokens, out) for chunk, out in zip(chunks, normed, strict=True)
        ]
        return PromptScores(_joined(kl), _joined(differences))


def _joined(parts: list[Tensor]) -> Numbers:
    return torch.cat(parts).double().cpu().numpy()
