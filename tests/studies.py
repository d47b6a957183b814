"""Runs made by hand, of which it is known how often each keeps what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from circuits import circuit_of, example_circuit

from acdc_custom.choices import Variation
from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.graph import Edge, GraphShape
from acdc_custom.stability.record import FinishedRun, Stability, examine_runs

SHAPE = GraphShape(2, 4, 2)
ALL = frozenset({Variation.PROMPTS, Variation.ORDERS})
PROMPTS, ORDERS = frozenset({Variation.PROMPTS}), frozenset({Variation.ORDERS})

# a1.h0 -> m1 is kept by three of the four, a1.h2 -> m1 by two, embed -> a0.kv1.k by one; m1 -> logits by all.
FOUR: list[dict[tuple[str, str], float]] = [
    {("m1", "logits"): 1.0, ("a1.h0", "m1"): 0.5, ("a1.h2", "m1"): 0.125},
    {("m1", "logits"): 2.0, ("a1.h0", "m1"): 0.25, ("a1.h2", "m1"): 0.375},
    {("m1", "logits"): 3.0, ("a1.h0", "m1"): 0.75, ("embed", "a0.kv1.k"): 0.5},
    {("m1", "logits"): 2.0},
]


def runs_of(effects: Sequence[dict[tuple[str, str], float]], varied: frozenset[Variation] = ALL) -> list[FinishedRun]:
    return [FinishedRun(f"run-{number}", varied, circuit_of(SHAPE, edges)) for number, edges in enumerate(effects, 1)]


def by_size(edges: Iterable[Edge]) -> TaskPerformance:
    """As if every edge did the task a little better: of four edges, all is recovered."""
    n = len(list(edges))
    return TaskPerformance(kl=2.0 - 0.5 * n, logit_diff=-1.0 + 1.25 * n, correct=n / 4)


def study(runs: Sequence[FinishedRun], share: float = 0.5) -> Stability:
    outcome = example_circuit().outcome
    return examine_runs(runs, example_circuit().provenance, by_size, outcome.model, outcome.empty, share, ["A note."])
