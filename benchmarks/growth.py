"""How does the cost of a search grow?

    python benchmarks/growth.py kept|prompts [TASK [MODEL]]
    python benchmarks/growth.py edges

Searches with `acdc` and `grouped` while one thing grows: the circuit (`kept`), by falling thresholds; the prompts of
the search; or the edges of the model, by random GPT-2s of more and more layers. Prints for each search its evaluations,
the nodes that an evaluation reaches on average, the output among them, its seconds, those of the hint beside, and the
microseconds per evaluation, node and prompt: if the last column does not grow, the cost grows no faster than their
product. Seconds are the processor's, on one core; loading and the clean and corrupted runs are not in them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from speed import random_gpt2, random_prompts

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.chunk import Chunk
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.memory import WINDOW_BYTES
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.search.method import DecidingMethod
from acdc_custom.search.registry import method_named
from acdc_custom.task import load_task

METHODS = ("acdc", "grouped")
THRESHOLDS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
PROMPTS = (8, 16, 32, 64, 100, 200)
FEW_THRESHOLDS = (0.03, 0.001)  # while the prompts grow
LAYERS = (2, 4, 8, 12)
OF_RANDOM = 0.001  # threshold
HEADS, WIDTH, VOCAB, SCALE, LENGTH, FIRST_CHANGED = 8, 128, 500, 6.0, 16, 3  # of the random models and their prompts
N = 50

Case = tuple[Model, Sequence[Any], float]  # model, prompts, threshold


class CountingChunk(Chunk):
    """Counts the nodes that candidates reach, the output among them."""

    reached = 0

    def evaluate(self, blocks):  # type: ignore[no-untyped-def]
        """As the engine does."""
        CountingChunk.reached += len(blocks) * (1 + self._route.n_nodes)
        return super().evaluate(blocks)


def line(case: Case, name: str) -> str:
    """What a search took."""
    model, prompts, threshold = case
    tokens = token_batch(prompts, model.max_positions, len(model.weights.unembedding), model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    batch = [(caches, prepare(Metric.KL, model.weights, tokens, caches.model_normed))]
    method = method_named(name)
    assert isinstance(method, DecidingMethod)
    settings, CountingChunk.reached = SearchSettings(method=name, threshold=threshold), 0
    begun = time.process_time()
    hint = method.hint([caches])
    hinted = time.process_time()
    search = method.start(batch, settings, WINDOW_BYTES, hint, None)
    kept = sum(decision.kept for decision in search.decisions())
    seconds, reached = time.process_time() - hinted, CountingChunk.reached
    return (
        f"{len(prompts):>8}{model.graph.n_edges:>8,}{name:>9}{threshold:>11g}{kept:>6}{search.evaluations:>13,}"
        f"{reached / search.evaluations:>8.1f}{seconds:>9.2f}{hinted - begun:>7.2f}"
        f"{seconds / reached / len(prompts) * 1e6:>9.1f}"
    )


def cases(grows: str, task_name: str, model_name: str) -> Iterator[Case]:
    """What is searched, one after the other."""
    if grows == "edges":
        prompts = random_prompts(N, LENGTH, VOCAB, FIRST_CHANGED)
        for layers in LAYERS:
            yield random_gpt2(layers, HEADS, WIDTH, VOCAB, SCALE), prompts, OF_RANDOM
        return
    model, task = open_model(model_name, "cpu"), load_task(task_name)
    for n in PROMPTS if grows == "prompts" else (N,):
        for threshold in FEW_THRESHOLDS if grows == "prompts" else THRESHOLDS:
            yield model, task.batch(model.tokenizer, n=n, seed=0).prompts, threshold


def main(grows: str, task_name: str = "ioi", model_name: str = "demo-4l") -> None:
    """Print one line per search."""
    import acdc_custom.search.receivers as searching

    torch.set_num_threads(1)
    searching.Chunk = CountingChunk  # type: ignore[misc]
    print(
        f"{'prompts':>8}{'edges':>8}{'method':>9}{'threshold':>11}{'kept':>6}{'evaluations':>13}{'nodes':>8}"
        f"{'seconds':>9}{'hint':>7}{'us each':>9}"
    )
    for case in cases(grows, task_name, model_name):
        for name in METHODS:
            print(line(case, name), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("kept", "prompts", "edges"):
        sys.exit("usage: python benchmarks/growth.py kept|prompts|edges [TASK [MODEL]]")
    main(*sys.argv[1:])
