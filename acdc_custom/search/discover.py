"""The main job: from a task and a model to a circuit.

Owns the order of the steps and the record of what was done. Deciding is the engine's business; showing
progress and writing files are the caller's, who is told of every decision.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import torch

from acdc_custom.choices import (
    DEFAULT_THRESHOLD,
    Ablation,
    CustomMetric,
    Metric,
    Order,
    checked_seed,
    checked_threshold,
    parse_metric,
)
from acdc_custom.circuit.circuit import Circuit, KeptEdge, Outcome, SearchRecord, TaskPerformance
from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.provenance import ModelRecord, Provenance, Settings, TaskRecord
from acdc_custom.engine.ablation import AblatedActivations, prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.footprint import plan
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Sender, parse_heads
from acdc_custom.memory import MemoryPlan
from acdc_custom.model.check import check_batch
from acdc_custom.model.model import Model
from acdc_custom.search.acdc import Search
from acdc_custom.search.order import visiting_order
from acdc_custom.task import Batch, Task
from acdc_custom.version import __version__

PACKAGES = ("torch", "transformer_lens", "transformers", "numpy")


@dataclass(frozen=True)
class Choices:
    """What is chosen for a search on a batch that has been prepared.

    `threshold` is in the metric's unit; `metric` None is the task's. `window` fixes how many candidates are
    evaluated at once; it never changes the circuit.
    """

    threshold: float = DEFAULT_THRESHOLD
    metric: str | None = None
    order: Order = Order.ORIGINAL
    order_seed: int = 0
    window: int | None = None

    def __post_init__(self) -> None:
        checked_threshold(self.threshold)
        checked_seed(self.order_seed)
        if self.metric is not None:
            parse_metric(self.metric)
        if self.window is not None and self.window < 1:
            raise UsageError(f"the window is {self.window}: it must be at least 1.")


@dataclass(frozen=True)
class PreparedBatch:
    """A batch on a model, run clean and with everything removed, ready to be searched."""

    task: Task
    batch: Batch
    model: Model
    tokens: TokenBatch
    memory: MemoryPlan
    chunks: tuple[Caches, ...]  # some of the prompts each; a single one, unless memory is short
    full: TaskPerformance  # the full model on the clean prompts
    corrupted: TaskPerformance  # the full model on the corrupted prompts
    empty: TaskPerformance  # the empty circuit: the same, unless another ablation was chosen
    knocked_out: tuple[Sender, ...] = ()  # heads whose edges are removed before a search begins

    @property
    def model_normed(self) -> torch.Tensor:
        """The full model's final residual at the answer, normalised: `[answer row, d_model]`."""
        return torch.cat([chunk.model_normed for chunk in self.chunks])

    @property
    def ablation(self) -> Ablation:
        """What a removed edge carries."""
        return self.chunks[0].carried.ablation

    def metric(self, choices: Choices) -> Metric | CustomMetric:
        """The metric of a search: the one that was chosen, or the task's."""
        return parse_metric(choices.metric or self.task.metric)

    def provenance(self, choices: Choices) -> Provenance:
        """All that the circuit will depend on."""
        model, batch = self.model, self.batch
        return Provenance(
            Settings(
                threshold=choices.threshold,
                metric=self.metric(choices).value,
                ablation=self.ablation.value,
                knock_out=",".join(map(str, self.knocked_out)),
                order=choices.order.value,
                order_seed=choices.order_seed,
                n=len(batch.prompts),
                seed=batch.seed,
                corruption=batch.corruption,
                templates=batch.templates,
                resample=batch.resample,
                device=model.device.type,
                dtype=str(model.dtype).removeprefix("torch."),
            ),
            TaskRecord(self.task.name, self.task.text, self.task.sha256, batch.sha256),
            ModelRecord(model.name, model.architecture, model.n_parameters, model.fingerprint),
            {
                "acdc-custom": __version__,
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
        )


def prepare_batch(
    task: Task,
    model: Model,
    n: int | None = None,
    seed: int = 0,
    corruption: str | None = None,
    ablation: Ablation | str = Ablation.CORRUPTED,
    memory_limit: int | None = None,
    planned: MemoryPlan | None = None,
    knock_out: str = "",
    templates: str = "",
    resample: int | None = None,
) -> PreparedBatch:
    """Make the prompts, check the engine against the model on some of them, and run the batch.

    `n`, `seed`, `corruption`, `templates` and `resample` choose the prompts: see `Task.batch`.
    `knock_out` names heads, as in "a9.h6,a9.h9", whose edges are all removed before a search begins.
    `memory_limit` is in bytes, by default a share of what is free; `planned` is an earlier run's plan, to be kept to.
    Raises `TaskError` for a task that does not fit the tokenizer, `ModelError` when the check fails, `UsageError` when
    the search does not fit in memory.
    """
    knocked_out = _heads_of(model, knock_out)
    batch = task.batch(model.tokenizer, n, seed, corruption, templates, resample)
    return run_batch(task, batch, model, ablation, memory_limit, planned, knocked_out)


def prepare_again(
    task: Task,
    model: Model,
    settings: Settings,
    planned: MemoryPlan | None,
    preparer: Callable[..., PreparedBatch] = prepare_batch,
) -> PreparedBatch:
    """The batch of an earlier run with these settings, and with its memory plan if that is known."""
    return preparer(
        task,
        model,
        settings.n,
        settings.seed,
        settings.corruption,
        settings.ablation,
        planned=planned,
        knock_out=settings.knock_out,
        templates=settings.templates,
        resample=settings.resample,
    )


def run_batch(
    task: Task,
    batch: Batch,
    model: Model,
    ablation: Ablation | str = Ablation.CORRUPTED,
    memory_limit: int | None = None,
    planned: MemoryPlan | None = None,
    knocked_out: tuple[Sender, ...] = (),
) -> PreparedBatch:
    """The same for prompts that have been made."""
    weights, ablation = model.weights, Ablation(ablation)
    tokens = token_batch(batch.prompts, model.max_positions, len(weights.unembedding), model.device)
    check_batch(model, tokens.clean, tokens.corrupted, tokens.is_prompt)
    memory = planned or plan(model, tokens, memory_limit)
    parts = tokens.chunks(memory.chunk)
    carried = prepare_ablation(ablation, weights, parts)
    chunks = tuple(build_caches(model, part, carried, knocked_out) for part in parts)

    empty = task_performance(chunks, (run_circuit(model, chunk.tokens, (), carried) for chunk in chunks))
    corrupted = empty
    if ablation is not Ablation.CORRUPTED:
        swap = AblatedActivations(Ablation.CORRUPTED, None)
        corrupted = task_performance(chunks, (run_circuit(model, chunk.tokens, (), swap) for chunk in chunks))
    full = task_performance(chunks, [chunk.model_normed for chunk in chunks])
    return PreparedBatch(task, batch, model, tokens, memory, chunks, full, corrupted, empty, knocked_out)


def _heads_of(model: Model, names: str) -> tuple[Sender, ...]:
    heads = parse_heads(names) if names else ()
    if unknown := [str(head) for head in heads if head not in model.graph.index]:
        shape = model.graph.shape
        raise UsageError(
            f"{unknown[0]} cannot be knocked out: {model.name} has {shape.n_layers} layers of {shape.n_heads} heads, "
            "counted from 0."
        )
    return heads


def discover(
    task: Task,
    model: Model,
    threshold: float = DEFAULT_THRESHOLD,
    metric: str | None = None,
    n: int | None = None,
    seed: int = 0,
    corruption: str | None = None,
    ablation: Ablation | str = Ablation.CORRUPTED,
    order: Order | str = Order.ORIGINAL,
    order_seed: int = 0,
    window: int | None = None,
    memory_limit: int | None = None,
    knock_out: str = "",
    templates: str = "",
    resample: int | None = None,
    on_decision: Callable[[Decision], None] = lambda decision: None,
) -> Circuit:
    """Find the circuit of a task in a model by exact ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1).

    An edge is removed if that raises the metric by less than `threshold`, in the metric's unit. `metric` and
    `corruption` default to the task's, `n` prompts to 50 or as many as there are. A removed edge carries what
    `ablation` says. `window` fixes how many candidates are evaluated at once, `memory_limit` is in bytes (by default a
    share of what is free); neither changes the circuit. `knock_out` names heads, as in "a9.h6,a9.h9", whose edges are
    all removed before the search begins. `templates` and `resample` choose the prompts: see `Task.batch`.
    Raises an `AcdcError` that says what is wrong: see `acdc_custom.errors`.
    """
    choices = Choices(threshold, metric, Order(order), order_seed, window)
    prepared = prepare_batch(
        task, model, n, seed, corruption, ablation, memory_limit, None, knock_out, templates, resample
    )
    return search(prepared, choices, on_decision)


def search(
    prepared: PreparedBatch,
    choices: Choices,
    on_decision: Callable[[Decision], None] = lambda decision: None,
    earlier: Sequence[Decision] = (),
) -> Circuit:
    """`discover`, on a batch that has been prepared.

    `earlier` are the decisions of an interrupted search with the same choices: those that make up whole receivers
    are taken over, and the circuit comes out as if there had been no interruption. `on_decision` is told of the rest.
    """
    model, chunks, metric = prepared.model, prepared.chunks, prepared.metric(choices)
    started = time.monotonic()
    objectives = [prepare(metric, model.weights, chunk.tokens, chunk.model_normed) for chunk in chunks]
    order = visiting_order(model.graph, choices.order, choices.order_seed)
    batch = list(zip(chunks, objectives, strict=True))
    acdc = Search(batch, choices.threshold, choices.window, order, prepared.memory.window_bytes)
    taken = acdc.replay(earlier)
    decisions = list(earlier[:taken])
    for decision in acdc.decisions():
        decisions.append(decision)
        on_decision(decision)
    seconds = time.monotonic() - started

    kept = tuple(KeptEdge(d.edge, d.effect) for d in decisions if d.kept)
    edges = [k.edge for k in kept]
    normed = [run_circuit(model, chunk.tokens, edges, chunk.carried) for chunk in chunks]
    values = [objective(out[None]) for out, objective in zip(normed, objectives, strict=True)]
    anew = float(torch.cat(values, dim=-1).mean())
    margins = [abs(d.effect - choices.threshold) for d in decisions if d.reason is Reason.EVALUATED]
    reasons = Counter(d.reason for d in decisions)
    noise = max(abs(anew - acdc.metric), torch.finfo(model.dtype).eps)
    return Circuit(
        shape=model.graph.shape,
        edges=kept,
        provenance=prepared.provenance(choices),
        outcome=Outcome(
            metric_before=acdc.metric_before,
            metric_after=anew,
            model=prepared.full,
            circuit=task_performance(chunks, normed),
            empty=prepared.empty,
        ),
        search=SearchRecord(
            evaluations=acdc.evaluations,
            decided={reason.value: reasons[reason] for reason in Reason},
            closest_margin=min(margins, default=None),
            noise=noise,
            within_noise=sum(margin < noise for margin in margins),
            seconds=seconds,
            stages={stage.value: seconds for stage, seconds in acdc.watch.seconds.items()},
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def whole_receivers(decisions: Sequence[Decision], prepared: PreparedBatch, choices: Choices) -> Sequence[Decision]:
    """The decisions of an interrupted search, as far as they make up whole receivers."""
    graph = prepared.model.graph
    taken = 0
    for receiver in visiting_order(graph, choices.order, choices.order_seed).receivers:
        if taken + graph.n_senders_before(receiver) > len(decisions):
            break
        taken += graph.n_senders_before(receiver)
    return decisions[:taken]
