"""What the circuits of a sweep do on prompts that no search has seen: those that were found, and those as large that
scoring methods rank first.

Owns which circuits are run on these prompts. A circuit whose run was tested on as many keeps its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from acdc_custom.choices import Ranking
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.graph import Edge
from acdc_custom.progress.protocol import OnStep
from acdc_custom.search.held_out import Scorer, score, score_edges
from acdc_custom.sweep.curve import OnTest, Point
from acdc_custom.sweep.result import Attributed, TestPrompts

FirstEdges = Mapping[
    str, Mapping[int, Sequence[Edge]]
]  # of a method, by its name, so many edges with the largest scores


def test_prompts(scorer: Scorer) -> TestPrompts:
    """What the model and no edges do there."""
    return TestPrompts(len(scorer.full.kl), scorer.full.behaviour(), scorer.empty.behaviour())


def tested_circuits(circuits: Sequence[Circuit], scorer: Scorer, on_step: OnStep) -> list[Circuit]:
    """The same, all of them tested on these prompts."""
    tested = []
    for circuit in circuits:
        on_these = circuit.test is not None and circuit.test.n == len(scorer.full.kl)
        tested.append(circuit if on_these else replace(circuit, test=score(scorer, circuit)))
        on_step()
    return tested


def tested_attributions(
    attributions: Sequence[Attributed], first: FirstEdges, scorer: Scorer, on_step: OnStep
) -> tuple[Attributed, ...]:
    """The same, with the test of the circuits that have as many edges as those that were found, by absolute scores."""
    return tuple(_tested(attributed, first[attributed.method], scorer, on_step) for attributed in attributions)


def _tested(attributed: Attributed, first: Mapping[int, Sequence[Edge]], scorer: Scorer, on_step: OnStep) -> Attributed:
    def with_test(point: Point) -> Point:
        if point.n_edges not in first:
            return point
        outcome = score_edges(scorer, first[point.n_edges])
        on_step()
        return replace(point, test=OnTest.of(outcome))

    curve = attributed.curves[Ranking.ABSOLUTE]
    curve = replace(curve, points=tuple(map(with_test, curve.points)))
    return replace(attributed, curves={**attributed.curves, Ranking.ABSOLUTE: curve})
