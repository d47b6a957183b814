"""Does the cost of a search grow with the number of evaluated edges times the size of the circuit above them?

    python benchmarks/growth.py [TASK [MODEL]]

Searches at falling thresholds, so that circuits grow, and prints for each the time per evaluated candidate and per node
that candidates reach. If the last column does not grow, the cost grows no faster than that product.
"""

from __future__ import annotations

import sys
import time

from acdc_custom.choices import Ablation, Metric
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.chunk import Chunk
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import token_batch
from acdc_custom.model.open import open_model
from acdc_custom.search.acdc import Search
from acdc_custom.task import load_task

THRESHOLDS = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)


class CountingChunk(Chunk):
    """Counts the nodes that candidates reach, the output among them."""

    reached = 0

    def evaluate(self, blocks):  # type: ignore[no-untyped-def]
        """As the engine does."""
        self.reached += len(blocks) * (1 + self._route.n_nodes)
        return super().evaluate(blocks)


def main(task_name: str = "ioi", model_name: str = "demo-4l") -> None:
    """Print one line per threshold."""
    import acdc_custom.search.receivers as searching

    searching.Chunk = CountingChunk  # type: ignore[misc]
    model, task = open_model(model_name, "cpu"), load_task(task_name)
    prompts = task.batch(model.tokenizer, n=50, seed=0).prompts
    tokens = token_batch(prompts, model.max_positions, len(model.weights.unembedding), model.device)
    caches = build_caches(model, tokens, AblatedActivations(Ablation.CORRUPTED, None))
    objective = prepare(Metric.KL, model.weights, tokens, caches.model_normed)
    print(f"{task_name} in {model_name}, {len(prompts)} prompts, {model.graph.n_edges:,} edges")
    print(
        f"{'threshold':>9}{'kept':>7}{'evaluations':>13}{'nodes reached':>15}{'s':>8}{'us per candidate and node':>27}"
    )
    for threshold in THRESHOLDS:
        started = time.perf_counter()
        search = Search([(caches, objective)], threshold)
        kept = sum(decision.kept for decision in search.decisions())
        seconds = time.perf_counter() - started
        reached = search.chunks[0].reached  # type: ignore[attr-defined]
        print(
            f"{threshold:>9g}{kept:>7}{search.evaluations:>13,}{reached / search.evaluations:>15.1f}"
            f"{seconds:>8.2f}{seconds / reached * 1e6:>27.0f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
