"""What each part of a circuit adds to it: the circuit without one node or one edge (Wang et al. 2022, arXiv
2211.00593, section 4, minimality, with K empty).

Owns which nodes and edges are left out, and in what measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.evaluate.records import Removed
from acdc_custom.graph import Edge, Place
from acdc_custom.progress.protocol import OnStep

MOST_EDGES = 300  # of a circuit; of a larger one a random choice is removed, one at a time


def without_each_node(
    bench: CircuitScorer, edges: Sequence[Edge], inside: PromptScores, on_step: OnStep
) -> Iterator[Removed]:
    """The circuit without each of its nodes, in topological order, in positions at one span at a time; `inside` are the
    whole circuit's scores."""
    for place in places_of(edges):
        left = [edge for edge in edges if Place(edge.sender, edge.span) != place]
        yield _change(None, place, bench(left), inside)
        on_step()


def places_of(edges: Iterable[Edge]) -> list[Place]:
    """Where edges begin, in order: their senders, in positions each at its spans."""
    return sorted({Place(edge.sender, edge.span) for edge in edges})


def without_each_edge(
    bench: CircuitScorer,
    edges: Sequence[Edge],
    inside: PromptScores,
    chosen: Sequence[Edge],
    on_step: OnStep,
) -> Iterator[Removed]:
    """The circuit without each of the `chosen` edges."""
    for edge in chosen:
        yield _change(edge, None, bench([other for other in edges if other != edge]), inside)
        on_step()


def chosen_edges(edges: Sequence[Edge], seed: int) -> list[Edge]:
    """All edges in their order, or a random choice of a great many."""
    if len(edges) <= MOST_EDGES:
        return list(edges)
    places = np.random.default_rng(seed).choice(len(edges), MOST_EDGES, replace=False)
    return [edges[place] for place in sorted(places)]


def squared_change(one: PromptScores, other: PromptScores) -> float:
    """Mean over prompts of the squared difference of their logit differences."""
    return float(np.mean((one.logit_diff - other.logit_diff) ** 2))


def _change(edge: Edge | None, place: Place | None, left: PromptScores, inside: PromptScores) -> Removed:
    change = left.logit_diff - inside.logit_diff
    node, span = (None, "") if place is None else (place.node, place.span)
    return Removed(edge, node, float(change.mean()), float(np.abs(change).mean()), squared_change(left, inside), span)
