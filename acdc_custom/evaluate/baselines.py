"""Other circuits of the same size: does it take this one?

Owns the random circuits, and where the circuit stands among them. They are different circuits, and the circuit itself
is none of them: it is no rival of its own. With n of them, p is `(1 + how many come as near to the model) / (1 + n)`,
one-sided (Phipson and Smyth 2010): here a small p speaks for the circuit, and under 20 circuits none can be small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import RandomCircuitSampler
from acdc_custom.circuit.random_paths import WITHOUT, Columns, PathDrawer
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.evaluate.kinds import RandomBaseline
from acdc_custom.evaluate.records import RandomCircuits, RandomComparison
from acdc_custom.graph import EMBED, Edge
from acdc_custom.progress.protocol import OnStep
from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import Numbers
from acdc_custom.task.spans import END

SAME = 1e-9  # of two ways to the same number
IN_VAIN = 200  # draws in a row without a new circuit: there is no other, or hardly any


def random_circuits(
    circuit: Circuit, drawn: RandomBaseline, draws: int, seed: int, columns: Columns = WITHOUT
) -> list[frozenset[Edge]]:
    """Up to `draws` circuits with as many edges, all different and none of them the circuit itself; fewer where there
    are no more, as far as `IN_VAIN` draws in a row that gave nothing new can tell. `columns` are those of a circuit in
    positions: its random circuits are so too."""
    own = frozenset(kept.edge for kept in circuit.edges)
    found: dict[frozenset[Edge], None] = {}
    vain = 0
    for edges in _drawn(circuit, drawn, seed, columns):
        if len(found) == draws or vain == IN_VAIN:
            break
        vain = vain + 1 if edges == own or edges in found else 0
        if not vain:
            found[edges] = None
    return list(found)


def _drawn(circuit: Circuit, drawn: RandomBaseline, seed: int, columns: Columns) -> Iterator[frozenset[Edge]]:
    """Without end; the circuit itself may be among them, and the same one again and again."""
    generator = np.random.default_rng([seed, list(RandomBaseline).index(drawn)])
    if drawn is RandomBaseline.PATHS:
        paths = PathDrawer(circuit.graph, generator, columns)
        while True:
            yield paths.circuit(len(circuit.edges))
    drawer = RandomCircuitSampler(circuit, generator)
    rewired = drawer.rewired()
    while True:
        codes = drawer.shuffled() if drawn is RandomBaseline.SHUFFLED else next(rewired)
        yield frozenset(drawer.edges(codes[Part.EDGES]))


def columns_of(prepared: PreparedBatch) -> Columns:
    """The spans of a batch, for random circuits in positions.

    Paths begin where the embedding carries anything. Elsewhere nothing would ever happen along them, and any circuit
    would do better.
    """
    spans = prepared.tokens.spans
    embed = prepared.model.graph.index[EMBED]
    starts = tuple(name for name in spans.names if any(chunk.moves[name][embed] for chunk in prepared.chunks))
    seeing = {
        name: tuple(other for other in spans.names if other in spans.seeing(frozenset((name,)))) for name in spans.names
    }
    return Columns(starts or (END,), seeing, END)


def among_random(
    bench: CircuitScorer,
    inside: PromptScores,
    circuits: Sequence[frozenset[Edge]],
    drawn: RandomBaseline,
    name: str,
    on_step: OnStep,
) -> RandomCircuits:
    """Where a circuit with the scores `inside` stands among others, which were `drawn` so; there is one at least.

    `name` is that of the prompts.
    """
    scores = []
    for edges in circuits:
        scores.append(bench(edges))
        on_step()
    return RandomCircuits(
        drawn,
        name,
        len(circuits),
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
