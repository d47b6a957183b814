"""The job: from a finished run to everything that can be said for and against its circuit.

Owns the order of the work, what is run on which prompts, and what is left out to bound it. Measuring is the other
modules' business; showing and writing are the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from acdc_custom.choices import Ranking, checked_seed
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.random_circuits import checked_draws
from acdc_custom.circuit.random_paths import WITHOUT, Columns, PathDrawer
from acdc_custom.engine.prepared import PreparedBatch, run_batch
from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.evaluate.baselines import among_random, columns_of, random_circuits
from acdc_custom.evaluate.completeness import Completeness, Roles
from acdc_custom.evaluate.faithfulness import faithfulness
from acdc_custom.evaluate.hypotheses import equivalence, independence, minimality
from acdc_custom.evaluate.kinds import PromptKind, RandomBaseline, Subject
from acdc_custom.evaluate.minimality import (
    chosen_edges,
    places_of,
    squared_change,
    without_each_edge,
    without_each_node,
)
from acdc_custom.evaluate.prompt_sets import FEWEST, PromptSet, prompt_sets, spans_lacked
from acdc_custom.evaluate.records import (
    CircuitMeasurement,
    ComponentAblations,
    EvaluatedCircuit,
    Evaluation,
    OnPrompts,
    RandomCircuits,
    Tested,
)
from acdc_custom.evaluate.verdict import findings
from acdc_custom.graph import Edge
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.table import HeadTable
from acdc_custom.progress.protocol import Progress, silent, steps
from acdc_custom.search.beside import methods_beside
from acdc_custom.search.method import top_edges
from acdc_custom.stats.intervals import FEWEST_DRAWS
from acdc_custom.task import Task

DRAWS = 50  # random circuits of each kind, and random edges
TAKEN_APART = 25  # prompts of a set on which a circuit is run without each of its parts, which takes most of the time


def evaluate_circuit(
    found_on: PreparedBatch,
    circuit: Circuit,
    heads: HeadTable | None = None,
    n: int | None = None,
    seed: int | None = None,
    also: Sequence[Task] = (),
    draws: int = DRAWS,
    on_progress: Progress = silent,
) -> Evaluation:
    """Evaluate a circuit on the prompts it was found on, and on `n` others of each kind (None: as many).

    `heads` gives the role classes to knock out, `also` other tasks whose prompts are tried. `seed` is that of new
    prompts and of everything random (None: the run's plus 1). `draws` random circuits of each kind are run.
    `on_progress` hears of what is done: see `Progress`. Raises `TaskError` for a task
    that does not fit, `UsageError` for one that has none of the spans of a circuit in positions.
    """
    checked_draws(draws)
    settings = circuit.settings
    seed = settings.prompts.seed + 1 if seed is None else checked_seed(seed)
    n = n or max(settings.prompts.n or 0, FEWEST)
    return _Job(found_on, circuit, heads, n, seed, also, draws, on_progress).evaluation()


def roles_of(heads: HeadTable | None) -> Roles:
    """The classes of heads: each role with all its heads, whether in the circuit or not."""
    rows = heads.rows if heads else ()
    classes = {role: [row.head for row in rows if role in (row.role, *row.also)] for role in Role}
    return {str(role): of for role, of in classes.items() if of and role is not Role.UNCLASSIFIED}


class _Job:
    """One evaluation, its random parts independent of each other."""

    def __init__(
        self,
        found_on: PreparedBatch,
        circuit: Circuit,
        heads: HeadTable | None,
        n: int,
        seed: int,
        also: Sequence[Task],
        draws: int,
        on_progress: Progress,
    ) -> None:
        self.found_on, self.circuit = found_on, circuit
        self.edges = tuple(kept.edge for kept in circuit.edges)
        self.roles = roles_of(heads)
        self.seed, self.draws, self.progress = seed, draws, on_progress
        made = prompt_sets(found_on, n, seed, also)
        self.sets, self.notes = made.sets, list(made.notes)
        self.notes += spans_lacked(circuit, self.sets)
        if knocked_out := circuit.settings.knock_out:
            self.notes.append(f"The model that the circuit is compared with has {knocked_out}; the search had not.")
        if not heads:
            self.notes.append("No role classes were knocked out: acdc-custom roles finds them out.")

    def evaluation(self) -> Evaluation:
        """Everything."""
        started = time.monotonic()
        results, benches = self._on_all_sets(self._subjects())
        main = list(benches)[-1]  # fresh prompts, or the discovery prompts if there are no others
        few = {kind: self._smaller(bench) for kind, bench in benches.items()}
        examined = [self._examined(on.name, few[on.kind]) for on in results if on.kind in few]
        inside = benches[main](self.edges)
        evaluation = Evaluation(
            source=self._source(0.0),
            prompts=tuple(results),
            random=tuple(self._random(benches[main], inside, examined[-1].prompts)),
            examined=tuple(examined),
            tests=tuple(self._tests(benches[main], few[main], inside, examined[-1])),
            findings=(),
            notes=(),
        )
        evaluation = replace(evaluation, notes=tuple(self.notes), source=self._source(time.monotonic() - started))
        return replace(evaluation, findings=findings(evaluation))

    def _source(self, seconds: float) -> EvaluatedCircuit:
        circuit = self.circuit
        return EvaluatedCircuit(
            circuit.task.name,
            circuit.settings.prompts.corruption or "",
            circuit.settings.ablation,
            circuit.model.name,
            circuit.model.weights_sha256,
            circuit.task.batch_sha256,
            len(self.edges),
            len(places_of(self.edges)),
            circuit.n_edges,
            self.seed,
            self.draws,
            seconds,
            len(circuit.spans),
        )

    def _subjects(self) -> Mapping[str, Sequence[Edge]]:
        """The sets of edges that are run on all prompts. Other methods know the discovery prompts only, as the search
        did; of a circuit in positions, they score edges at spans."""
        chunks, positions = self.found_on.chunks, self.circuit.in_positions
        beside = methods_beside(self.circuit.n_edges, len(self.found_on.batch.prompts), positions)
        self.notes += beside.notes
        others = [method for method in beside.methods if method.name != self.circuit.settings.method]
        total = sum(method.total_steps(chunks, positions=positions) for method in others)
        on_step = steps(self.progress, "Other methods", total)
        top = {
            method.title: top_edges(method.scores(chunks, on_step, positions), len(self.edges), Ranking.ABSOLUTE)
            for method in others
        }
        merged = [kept.edge for kept in self.circuit.at_all_spans.edges]
        return {Subject.CIRCUIT: self.edges, **({Subject.MERGED: merged} if positions else {}), **top}

    def _on_all_sets(
        self, subjects: Mapping[str, Sequence[Edge]]
    ) -> tuple[list[OnPrompts], dict[PromptKind, CircuitScorer]]:
        """The results on every set, and the benches on which the circuit is taken apart."""
        results: list[OnPrompts] = []
        benches: dict[PromptKind, CircuitScorer] = {}
        for each in self.sets:
            bench = CircuitScorer(self._prepared(each))
            measured: dict[str, tuple[PromptScores, int]] = {Subject.MODEL: (bench.full, self.circuit.n_edges)}
            for subject, edges in subjects.items():
                measured[subject] = (bench(edges), len(edges))
                self.progress("On all prompts", 1, len(self.sets) * len(subjects))
            measured[Subject.EMPTY] = (bench.empty, 0)
            rows = tuple(
                CircuitMeasurement(subject, n_edges, faithfulness(scores, bench.full, bench.empty))
                for subject, (scores, n_edges) in measured.items()
            )
            batch = each.batch
            results.append(OnPrompts(each.kind, each.name, len(batch.prompts), batch.seed, batch.sha256, rows))
            if each.kind in (PromptKind.DISCOVERY, PromptKind.FRESH):
                benches[each.kind] = bench
        return results, benches

    def _prepared(self, each: PromptSet) -> PreparedBatch:
        if each.kind is PromptKind.DISCOVERY:
            return self.found_on
        return run_batch(each.task, each.batch, self.found_on.model, self.found_on.ablation)

    def _smaller(self, bench: CircuitScorer) -> CircuitScorer:
        """With so many of its prompts, the first ones, as the circuit is taken apart on.

        A mean over the batch is what removed edges carry of the whole batch alone: then all of them.
        """
        prepared = bench.prepared
        prompts = prepared.batch.prompts
        if len(prompts) <= TAKEN_APART or prepared.ablation.is_mean:
            return bench
        note = f"The circuit was taken apart on the first {TAKEN_APART} prompts of a set."
        self.notes += [note] * (note not in self.notes)
        few = replace(prepared.batch, prompts=prompts[:TAKEN_APART])
        return CircuitScorer(run_batch(prepared.task, few, prepared.model, prepared.ablation))

    def _examined(self, name: str, bench: CircuitScorer) -> ComponentAblations:
        """The circuit taken apart."""
        inside = bench(self.edges)
        edges = chosen_edges(self.edges, self.seed)
        if len(edges) < len(self.edges):
            note = f"Of the {len(self.edges):,} edges, {len(edges)} chosen at random were removed one at a time."
            self.notes += [note] * (note not in self.notes)
        completeness = Completeness(bench, self.edges, self.seed)
        knocked_out = steps(self.progress, f"Completeness, {name}", completeness.n_sets(self.roles))
        parts = steps(self.progress, f"Minimality, {name}", len(edges) + len(places_of(self.edges)))
        full, without, empty = (float(scores.logit_diff.mean()) for scores in (bench.full, inside, bench.empty))
        return ComponentAblations(
            name,
            len(bench.prepared.batch.prompts),
            full,
            without,
            empty,
            tuple(completeness.sets(self.roles, knocked_out)),
            tuple(without_each_node(bench, self.edges, inside, parts)),
            tuple(without_each_edge(bench, self.edges, inside, edges, parts)),
        )

    def _random(self, bench: CircuitScorer, inside: PromptScores, name: str) -> Iterator[RandomCircuits]:
        """Random circuits of the same size, each kind that there is."""
        if not self.edges:
            self.notes.append("The circuit has no edges: there are no random circuits of its size.")
            return
        columns = self._columns(bench)
        circuits = {
            drawn: random_circuits(self.circuit, drawn, self.draws, self.seed, columns) for drawn in RandomBaseline
        }
        on_step = steps(self.progress, "Random circuits", sum(map(len, circuits.values())))
        for drawn, others in circuits.items():
            if not others:
                self.notes.append(f"With {drawn} there is no other circuit than this one.")
                continue
            if len(others) < FEWEST_DRAWS:
                one = "is only one other circuit" if len(others) == 1 else f"are only {len(others)} other circuits"
                self.notes.append(f"With {drawn} there {one}: too few to compare with, which takes {FEWEST_DRAWS}.")
            yield among_random(bench, inside, others, drawn, name, on_step)

    def _tests(
        self, bench: CircuitScorer, few: CircuitScorer, inside: PromptScores, taken_apart: ComponentAblations
    ) -> Iterator[Tested]:
        """The tests of Shi et al.; they need prompts that the circuit was not chosen on, where there are such."""
        kept, graph = set(self.edges), self.circuit.graph
        spans = bench.prepared.tokens.spans.names if self.circuit.in_positions else ("",)
        complement = bench([edge for edge in graph.edges_at(spans) if edge not in kept])
        full = bench.full.logit_diff
        yield equivalence(inside.logit_diff, full)
        yield independence(complement.logit_diff, full, bench.empty.logit_diff, self.seed)
        drawer = PathDrawer(graph, np.random.default_rng([self.seed, len(RandomBaseline)]), self._columns(bench))
        random = []
        for _ in range(self.draws):
            if inflated := drawer.inflated(kept):
                edges, added = inflated
                random.append(squared_change(few(edges - {added}), few(edges)))
            self.progress("Random edges", 1, self.draws)
        if random and taken_apart.edges:
            yield minimality({r.edge: r.squared for r in taken_apart.edges if r.edge}, random)

    def _columns(self, bench: CircuitScorer) -> Columns:
        return columns_of(bench.prepared) if self.circuit.in_positions else WITHOUT
