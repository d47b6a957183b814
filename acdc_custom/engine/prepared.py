"""A batch of prompts on a model, run clean and with everything removed, ready to be searched.

Owns `PreparedBatch` and the order of the steps that make it: the prompts, the check of the engine against the model's
own code, the memory plan, the activations. Knows nothing of searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.ablation import AblatedActivations, prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.footprint import plan
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.tokens import TokenBatch, token_batch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge, Sender, parse_heads
from acdc_custom.memory import MemoryPlan
from acdc_custom.model.check import check_batch
from acdc_custom.model.given import load_model
from acdc_custom.model.model import Model
from acdc_custom.task import Batch, Task
from acdc_custom.task.given import load_task


@dataclass(frozen=True, repr=False)
class PreparedBatch:
    """A batch on a model, run clean and with everything removed, ready to be searched."""

    task: Task
    batch: Batch
    model: Model
    tokens: TokenBatch
    memory: MemoryPlan
    chunks: tuple[Caches, ...]  # some of the prompts each; a single one, unless memory is short

    @cached_property
    def full(self) -> TaskPerformance:
        """The full model on the clean prompts."""
        return task_performance(self.chunks, [chunk.model_normed for chunk in self.chunks])

    @cached_property
    def corrupted(self) -> TaskPerformance:
        """The full model on the corrupted prompts."""
        if self.ablation is Ablation.CORRUPTED:
            return self.empty
        return self.performance_of((), AblatedActivations(Ablation.CORRUPTED, None))

    @cached_property
    def empty(self) -> TaskPerformance:
        """The empty circuit."""
        return self.performance_of(())

    @cached_property
    def at_contrast(self) -> PreparedBatch:
        """For what is about one token of each answer: every prompt as far as the first in which answer and foil
        differ, which is asked there. Itself, if all answers are of one token."""
        batch = self.batch.at_contrast
        if batch is self.batch:
            return self
        return run_batch(self.task, batch, self.model, self.ablation, self.memory.limit, knocked_out=self.knocked_out)

    def outputs_of(self, edges: Iterable[Edge], carried: AblatedActivations | None = None) -> list[torch.Tensor]:
        """What a circuit computes, by its definition, of each chunk: the final residual at the answers, normalised,
        `[answer row, d_model]`. Removed edges carry what `carried` says; None: what they do in the batch."""
        kept = tuple(edges)
        return [run_circuit(self.model, chunk.tokens, kept, carried or chunk.carried) for chunk in self.chunks]

    def performance_of(self, edges: Iterable[Edge], carried: AblatedActivations | None = None) -> TaskPerformance:
        """How well a circuit does the task: see `outputs_of`."""
        return task_performance(self.chunks, self.outputs_of(edges, carried))

    def __repr__(self) -> str:
        return f"<{self.batch!r} on {self.model!r}>"

    @property
    def model_normed(self) -> torch.Tensor:
        """The full model's final residual at the answer, normalised: `[answer row, d_model]`."""
        return torch.cat([chunk.model_normed for chunk in self.chunks])

    @property
    def ablation(self) -> Ablation:
        """What a removed edge carries."""
        return self.chunks[0].carried.ablation

    @property
    def knocked_out(self) -> tuple[Sender, ...]:
        """Heads whose edges are removed before a search begins."""
        return self.chunks[0].knocked_out


Preparer = Callable[[Task, Model, SearchSettings, MemoryPlan | None], PreparedBatch]  # as `prepare_batch`


def prepare_batch(
    task: Any,
    model: Any,
    settings: SearchSettings | None = None,
    planned: MemoryPlan | None = None,
    **options: Any,
) -> PreparedBatch:
    """Make the prompts, check the engine against the model on some of them, and run the batch.

    Of the settings, the selection of prompts, the ablation, the heads to knock out and the memory limit matter;
    `options` are settings by name, such as `n=20`; task and model may be anything that `load_task` and `load_model`
    take. `planned` is an earlier run's memory plan, to be kept to.
    Raises `TaskError` for a task that does not fit the tokenizer, `ModelError` when the check fails, `UsageError` when
    the search does not fit in memory.
    """
    settings = (settings or SearchSettings()).with_(**options)
    asked, loaded = load_task(task), load_model(model)
    knocked_out = _heads_of(loaded, settings.knock_out)
    batch = asked.select(loaded.tokenizer, settings.prompts)
    return run_batch(asked, batch, loaded, settings.ablation, settings.memory_limit, planned, knocked_out)


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
    return PreparedBatch(task, batch, model, tokens, memory, chunks)


def fewer_prompts(prepared: PreparedBatch, settings: SearchSettings, most: int) -> PreparedBatch:
    """The batch itself if it has no more than `most` prompts, else one of as many with the same settings."""
    if len(prepared.batch.prompts) <= most:
        return prepared
    return prepare_batch(prepared.task, prepared.model, replace(settings, memory_limit=None), n=most)


def _heads_of(model: Model, names: str) -> tuple[Sender, ...]:
    heads = parse_heads(names) if names else ()
    if unknown := [str(head) for head in heads if head not in model.graph.index]:
        shape = model.graph.shape
        raise UsageError(
            f"{unknown[0]} cannot be knocked out: {model.name} has {shape.n_layers} layers of {shape.n_heads} heads, "
            "counted from 0."
        )
    return heads
