"""Other circuits of the same size: does it take this one?

Owns the random circuits, and where the circuit stands among them. With n of them, p is `(1 + how many come as near to
the model) / (1 + n)`, one-sided (Phipson and Smyth 2010): here a small p speaks for the circuit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import RandomCircuitSampler
from acdc_custom.circuit.random_paths import PathDrawer
from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.evaluate.kinds import RandomBaseline
from acdc_custom.evaluate.records import RandomCircuits, RandomComparison
from acdc_custom.graph import Edge
from acdc_custom.progress.protocol import OnStep
from acdc_custom.stats.bootstrap import Numbers
from acdc_custom.stats.intervals import Estimate

SAME = 1e-9  # of two ways to the same number


def random_circuits(circuit: Circuit, drawn: RandomBaseline, seed: int) -> Iterator[frozenset[Edge]]:
    """Without end, circuits with as many edges."""
    generator = np.random.default_rng([seed, list(RandomBaseline).index(drawn)])
    if drawn is RandomBaseline.PATHS:
        paths = PathDrawer(circuit.graph, generator)
        while True:
            yield paths.circuit(len(circuit.edges))
    drawer = RandomCircuitSampler(circuit, generator)
    rewired = drawer.rewired()
    while True:
        codes = drawer.shuffled() if drawn is RandomBaseline.SHUFFLED else next(rewired)
        yield frozenset(drawer.edges(codes[Part.EDGES]))


def among_random(
    bench: CircuitScorer,
    circuit: Circuit,
    inside: PromptScores,
    drawn: RandomBaseline,
    name: str,
    draws: int,
    seed: int,
    on_step: OnStep,
) -> RandomCircuits | None:
    """Where the circuit, with the scores `inside`, stands among random ones; None where there are no others.

    `name` is that of the prompts.
    """
    own = frozenset(kept.edge for kept in circuit.edges)
    scores, others = [], False
    for edges in islice(random_circuits(circuit, drawn, seed), draws):
        others |= edges != own
        scores.append(bench(edges))
        on_step()
    if not others:
        return None
    return RandomCircuits(
        drawn,
        name,
        draws,
        kl=_against(float(inside.kl.mean()), [float(s.kl.mean()) for s in scores]),
        absolute=_against(_absolute(inside, bench.full), [_absolute(s, bench.full) for s in scores]),
        logit_diff=_range([float(s.logit_diff.mean()) for s in scores]),
    )


def _absolute(scores: PromptScores, full: PromptScores) -> float:
    return abs(float(scores.logit_diff.mean() - full.logit_diff.mean()))


def _against(observed: float, drawn: Sequence[float]) -> RandomComparison:
    around = _range(drawn)
    reached = sum(value <= observed + SAME for value in drawn)
    return RandomComparison(observed, around.value, around.low, around.high, (1 + reached) / (1 + len(drawn)))


def _range(values: Sequence[float]) -> Estimate:
    numbers: Numbers = np.asarray(values, np.float64)
    low, high = np.percentile(numbers, [5, 95])
    return Estimate(float(numbers.mean()), float(low), float(high))
