"""Would grouped ACDC gain from windows that go on from one receiver of a layer to the next?

    python benchmarks/windows.py [TASK [MODEL [N]]]
    python benchmarks/windows.py random-12l

A block that fails ends its window, since what follows it has to be looked at again. So a receiver takes one window per
failure at least, and one more if it ends with a block that goes; so does a layer, if its receivers share windows. This
counts the windows of a search, the least number that it could have taken, and the least number with windows across the
receivers of a layer; and says what share of the time is planning and updating, which are done per receiver today.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Any

import torch
from speed import random_gpt2, random_prompts

from acdc_custom.choices import Ablation, Metric
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.stopwatch import TimedStage
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Receiver
from acdc_custom.model.open import open_model
from acdc_custom.search.grouped import GroupedSearch
from acdc_custom.search.methods.eap_ig import METHOD as HINT
from acdc_custom.task import load_task


class Counting(GroupedSearch):
    """Notes the receiver of every window, and whether a block failed in it."""

    def _visit(self, receiver, edges, extent):  # type: ignore[no-untyped-def]
        self.receiver = receiver
        yield from super()._visit(receiver, edges, extent)

    def _evaluate(self, window, extent):  # type: ignore[no-untyped-def]
        before, values = self.metric, super()._evaluate(window, extent)
        steps = zip([before, *values], values)  # noqa: B905, one fewer
        self.windows.append((self.receiver, any(not after - last < self.tau for last, after in steps)))
        return values


def least(windows: list[tuple[Receiver, bool]], key: Any) -> int:
    """How many windows are needed, if they are shared by what has the same key."""
    total = 0
    for _, group in groupby(windows, key=lambda window: key(window[0])):
        failed = [has_failed for _, has_failed in group]
        total += sum(failed) + (not failed[-1])
    return total


def main(task_name: str = "ioi", model_name: str = "demo-4l", n: str = "50") -> None:
    """Search once, and print the counts."""
    torch.set_num_threads(1)
    if task_name == "random-12l":
        model, prompts, tau = random_gpt2(12, 12, 96, 1000, 6.0), random_prompts(16, 20, 1000, 3), 0.003
    else:
        model, task, tau = open_model(model_name, "cpu"), load_task(task_name), 0.01
        prompts = task.batch(model.tokenizer, n=int(n), seed=0).prompts
    tokens = token_batch(prompts, model.max_positions, len(model.weights.unembedding), model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    objective = prepare(Metric.KL, model.weights, tokens, caches.model_normed)
    search = Counting([(caches, objective)], tau, HINT.scores([caches]))
    search.windows = []  # type: ignore[attr-defined]
    kept = sum(decision.kept for decision in search.decisions())
    windows, seconds = search.windows, search.seconds  # type: ignore[attr-defined]
    per_receiver = sum(seconds[stage] for stage in (TimedStage.PLANNING, TimedStage.UPDATING))
    in_layers = least(windows, lambda r: (r.layer, r.stage))
    print(
        f"{task_name}: {kept} edges kept, {search.evaluations:,} evaluations in {len(windows):,} windows; least "
        f"{least(windows, lambda r: r):,}, across the receivers of a layer {in_layers:,}; "
        f"planning and updating {per_receiver / sum(seconds.values()):.1%} of the time"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
