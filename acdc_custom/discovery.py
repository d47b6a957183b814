"""The main job: from a task and a model to a circuit.

Owns the order of the steps and the record of what was done. Deciding is the engine's business; showing
progress and writing files are the caller's, who is told of every decision.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import torch

from acdc_custom import __version__
from acdc_custom.choices import Metric, checked_threshold, parse_metric
from acdc_custom.circuit import (
    Behaviour,
    Circuit,
    KeptEdge,
    ModelRecord,
    Outcome,
    SearchRecord,
    Settings,
    TaskRecord,
)
from acdc_custom.engine.behaviour import behaviour
from acdc_custom.engine.caches import Caches, Extent, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.search import Decision, Reason, Search
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import LOGITS
from acdc_custom.model.check import check
from acdc_custom.model.model import Model
from acdc_custom.task import Batch, Task

DEFAULT_THRESHOLD = 0.01
CHECKED_PROMPTS = 4  # prompts of each kind that the load-time check runs
PACKAGES = ("torch", "transformer_lens", "transformers", "numpy")


@dataclass(frozen=True)
class Prepared:
    """A batch on a model, run clean and corrupted, ready to be searched."""

    task: Task
    batch: Batch
    model: Model
    tokens: TokenBatch
    caches: Caches
    clean: Behaviour  # the full model on the clean prompts
    corrupted: Behaviour  # the full model on the corrupted prompts

    @property
    def model_normed(self) -> torch.Tensor:
        """The full model's final residual at the answer, normalised: `[answer row, d_model]`."""
        return self.model.weights.final_norm(self.caches.residual(LOGITS, Extent.ANSWER))


def prepare_batch(
    task: Task, model: Model, n: int | None = None, seed: int = 0, corruption: str | None = None
) -> Prepared:
    """Make the prompts, check the engine against the model on some of them, and run both batches.

    Raises `TaskError` for a task that does not fit the tokenizer, `ModelError` when the check fails.
    """
    batch = task.batch(model.tokenizer, n=n, seed=seed, corruption=corruption)
    weights = model.weights
    tokens = token_batch(batch.prompts, model.max_positions, len(weights.unembedding), model.device)
    check(model, torch.cat((tokens.clean[:CHECKED_PROMPTS], tokens.corrupted[:CHECKED_PROMPTS])))
    caches = build_caches(model, tokens)
    clean = weights.final_norm(caches.residual(LOGITS, Extent.ANSWER))
    empty = run_circuit(model, tokens, ())
    return Prepared(
        task=task,
        batch=batch,
        model=model,
        tokens=tokens,
        caches=caches,
        clean=behaviour(weights, tokens, clean, clean),
        corrupted=behaviour(weights, tokens, clean, empty),
    )


def discover(
    task: Task,
    model: Model,
    threshold: float = DEFAULT_THRESHOLD,
    metric: Metric | str | None = None,
    n: int | None = None,
    seed: int = 0,
    corruption: str | None = None,
    window: int | None = None,
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> Circuit:
    """Find the circuit of a task in a model by exact ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1).

    An edge is removed if that raises the metric by less than `threshold` (nats for KL, logits for the logit
    difference). `metric` and `corruption` default to the task's, `n` prompts to 50 or as many as there are.
    `window` fixes how many candidates are evaluated at once; it never changes the result.
    Raises an `AcdcError` that says what is wrong: see `acdc_custom.errors`.
    """
    return search(prepare_batch(task, model, n, seed, corruption), threshold, metric, window, on_decision)


def search(
    prepared: Prepared,
    threshold: float = DEFAULT_THRESHOLD,
    metric: Metric | str | None = None,
    window: int | None = None,
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> Circuit:
    """`discover`, on a batch that has been prepared."""
    if window is not None and window < 1:
        raise UsageError(f"the window is {window}: it must be at least 1.")
    threshold, chosen = checked_threshold(threshold), parse_metric(metric or prepared.task.metric)
    model, tokens, weights = prepared.model, prepared.tokens, prepared.model.weights
    started = time.monotonic()
    acdc = Search(prepared.caches, prepare(chosen, weights, tokens, prepared.model_normed), threshold, window)
    kept: list[KeptEdge] = []
    reasons: Counter[str] = Counter()
    margins: list[float] = []
    for decision in acdc.decisions():
        reasons[decision.reason] += 1
        if decision.reason is Reason.EVALUATED:
            margins.append(abs(decision.effect - threshold))
        if decision.kept:
            kept.append(KeptEdge(decision.edge, decision.effect))
        on_decision(decision)
    seconds = time.monotonic() - started

    circuit_normed = run_circuit(model, tokens, [k.edge for k in kept])
    anew = float(acdc.objective(circuit_normed[None]).mean())
    noise = max(abs(anew - acdc.metric), torch.finfo(model.dtype).eps)
    return Circuit(
        shape=model.graph.shape,
        edges=tuple(kept),
        settings=Settings(
            threshold=threshold,
            metric=chosen.value,
            ablation="corrupted",
            order="original",
            n=len(prepared.batch.prompts),
            seed=prepared.batch.seed,
            corruption=prepared.batch.corruption,
            device=model.device.type,
            dtype=str(model.dtype).removeprefix("torch."),
        ),
        task=TaskRecord(prepared.task.name, prepared.task.text, prepared.task.sha256, prepared.batch.sha256),
        model=ModelRecord(model.name, model.architecture, model.n_parameters, model.fingerprint),
        outcome=Outcome(
            metric_before=acdc.metric_before,
            metric_after=anew,
            model=prepared.clean,
            circuit=behaviour(weights, tokens, prepared.model_normed, circuit_normed),
            corrupted=prepared.corrupted,
        ),
        search=SearchRecord(
            evaluations=acdc.evaluations,
            decided={reason.value: reasons[reason] for reason in Reason},
            closest_margin=min(margins, default=None),
            noise=noise,
            within_noise=sum(margin < noise for margin in margins),
            seconds=seconds,
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        packages={
            "acdc-custom": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    )
