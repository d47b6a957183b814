"""How much faster the engine is than one forward pass per edge, measured side by side in one process.

    python benchmarks/speed.py demo | random-4l | gpt2-shape | smollm2

(a) a whole forward pass per edge, edges into dead receivers skipped; (b) a forward pass per edge that restarts at the
receiver's layer, every edge, as auto-circuit 1.0.1 does; (c) the engine. Where (a) and (b) would take hours they are
timed on edges into some early, middle and late layers, and extrapolated by layer; the output says so.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from plain import PlainCircuit, PlainSearch, restart_layer, skip_dead

from acdc_custom.choices import Ablation, Metric
from acdc_custom.circuit.decision import Reason
from acdc_custom.engine.ablation import AblatedActivations
from acdc_custom.engine.caches import build_caches
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.graph import Edge
from acdc_custom.model.model import Model, wrap
from acdc_custom.model.open import open_model
from acdc_custom.search.acdc import Search
from acdc_custom.task import load_task
from acdc_custom.task.spans import cut

REPEATS = 3  # timings of each sampled layer


@dataclass(frozen=True)
class Case:
    """What is searched. `sampled`: the layers that (a) and (b) are timed on; empty: they run in full."""

    title: str
    model: Model
    tokens: TokenBatch
    tau: float
    sampled: tuple[int, ...] = ()


@dataclass(frozen=True)
class RandomPrompt:
    """Random tokens; the corrupted prompt differs from `first_changed` on."""

    clean_ids: list[int]
    corrupted_ids: list[int]
    answer_ids: tuple[int, ...] = (1,)
    foil_ids: tuple[int, ...] = (2,)
    template: int = 0
    forced: None = None

    @property
    def spans(self) -> tuple[str, ...]:
        """As every prompt has them."""
        return cut(self.clean_ids, self.corrupted_ids, {})


def random_prompts(n: int, length: int, vocab: int, first_changed: int) -> list[RandomPrompt]:
    rng = random.Random(0)
    prompts = []
    for _ in range(n):
        clean = [rng.randrange(vocab) for _ in range(length)]
        corrupted = clean[:first_changed] + [rng.randrange(vocab) for _ in range(length - first_changed)]
        prompts.append(RandomPrompt(clean, corrupted[:-1] + clean[-1:]))
    return prompts


def random_gpt2(layers: int, heads: int, width: int, vocab: int, scale: float, device: str = "cpu") -> Model:
    """GPT-2 with random weights, `scale` times as large as it is trained from, so that nodes do something."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=layers, n_head=heads, n_embd=width, vocab_size=vocab, n_positions=64, initializer_range=0.02 * scale
    )
    config._attn_implementation = "eager"
    with torch.device(device):
        hf_model = GPT2LMHeadModel(config)
    return wrap(hf_model, None, "random")


def demo() -> Case:
    model, task = open_model("demo-4l", "cpu"), load_task("ioi")
    batch = task.batch(model.tokenizer, n=50, seed=0)
    return Case("bundled model, ioi, N = 50", model, _tokens(model, batch.prompts), 0.01)


def random_4l() -> Case:
    model = random_gpt2(4, 4, 128, 512, 5.0)
    return Case(
        "random GPT-2, 4 layers x 4 heads, width 128, N = 16, T = 16",
        model,
        _tokens(model, random_prompts(16, 16, 512, 3)),
        0.01,
    )


def gpt2_shape() -> Case:
    model = random_gpt2(12, 12, 768, 50257, 2.5)
    return Case(
        "random weights in GPT-2 small's shape, N = 8, T = 28",
        model,
        _tokens(model, random_prompts(8, 28, 50257, 4)),
        0.001,
        sampled=(1, 6, 10),
    )


def smollm2() -> Case:
    model, task = open_model("smollm2-135m", "cpu"), load_task("ioi")
    batch = task.batch(model.tokenizer, n=8, seed=0)
    return Case("SmolLM2-135M, ioi, N = 8", model, _tokens(model, batch.prompts), 0.01, sampled=(2, 15, 27))


CASES: dict[str, Callable[[], Case]] = {
    "demo": demo,
    "random-4l": random_4l,
    "gpt2-shape": gpt2_shape,
    "smollm2": smollm2,
}


def _tokens(model: Model, prompts: list) -> TokenBatch:  # type: ignore[type-arg]
    return token_batch(prompts, model.max_positions, len(model.weights.unembedding), model.device)


def engine(case: Case) -> tuple[float, list[Edge], int, int]:
    """Seconds, the kept edges, how many edges were evaluated, and evaluations; caches and set-up included."""
    started = time.perf_counter()
    caches = build_caches(case.model, case.tokens, AblatedActivations(Ablation.CORRUPTED, None))
    objective = prepare(Metric.KL, case.model.weights, case.tokens, caches.model_normed)
    search = Search([(caches, objective)], case.tau)
    decisions = list(search.decisions())
    seconds = time.perf_counter() - started
    evaluated = sum(d.reason is not Reason.DEAD for d in decisions)
    return seconds, [d.edge for d in decisions if d.kept], evaluated, search.evaluations


def extrapolated(case: Case, kept: list[Edge], n_evaluated: int) -> tuple[float, float]:
    """(a) and (b) in seconds, from passes through the final circuit that restart at some layers."""
    graph = case.model.graph
    circuit = PlainCircuit(case.model, case.tokens)
    keep = set(kept)
    for receiver in graph.receivers:
        for sender in graph.senders[: graph.n_senders_before(receiver)]:
            circuit.set_removed(Edge(sender, receiver), Edge(sender, receiver) not in keep)

    def seconds(layer: int) -> float:
        times = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            circuit.kl(layer)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    seconds(0)
    whole = seconds(0)
    at = [seconds(layer) for layer in case.sampled]
    start = restart_layer(case.model)
    restarted = sum(graph.n_senders_before(r) * float(np.interp(start(r), case.sampled, at)) for r in graph.receivers)
    timed = zip((0, *case.sampled), (whole, *at), strict=True)
    print("   one pass from layer " + ", ".join(f"{layer}: {time:.3f} s" for layer, time in timed))
    return n_evaluated * whole, restarted


def main(name: str) -> None:
    """Run one case and print its ratios."""
    case = CASES[name]()
    n_edges = case.model.graph.n_edges
    print(f"{case.title}: {n_edges:,} edges, threshold {case.tau:g} nats, {torch.get_num_threads()} threads")
    engine(case) if not case.sampled else None  # the first run of a process is slower
    seconds, kept, n_evaluated, evaluations = engine(case)
    print(
        f"   (c) engine: {seconds:.3f} s, {len(kept)} edges kept, {n_evaluated:,} decided, {evaluations:,} evaluations"
    )
    if case.sampled:
        dense, restarted = extrapolated(case, kept, n_evaluated)
        how = "extrapolated"
    else:
        runs = [
            PlainSearch(PlainCircuit(case.model, case.tokens), case.tau).run(lambda r: 0, skip_dead(case.model)),
            PlainSearch(PlainCircuit(case.model, case.tokens), case.tau).run(
                restart_layer(case.model), lambda r, kept: False
            ),
        ]
        for run in runs:
            same = set(run.kept) == set(kept)
            print(f"   kept {len(run.kept)} edges in {run.evaluations:,} passes; the engine's edges: {same}")
        dense, restarted = (run.seconds for run in runs)
        how = "in full"
    print(f"   (a) dense, dead receivers skipped: {dense:,.1f} s ({how}), {dense / seconds:,.0f} times the engine")
    print(f"   (b) restart at the receiver: {restarted:,.1f} s ({how}), {restarted / seconds:,.0f} times the engine")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CASES:
        sys.exit(f"usage: python benchmarks/speed.py {' | '.join(CASES)}")
    main(sys.argv[1])
