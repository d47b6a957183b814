"""What each part of a circuit adds to it: the circuit without one node or one edge (Wang et al. 2022, arXiv
2211.00593, section 4, minimality, with K empty).

Owns which nodes and edges are left out, and in what measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.evaluate.records import Removed
from acdc_custom.graph import Edge, Sender
from acdc_custom.progress.protocol import OnStep

MOST_EDGES = 300  # of a circuit; of a larger one a random choice is removed, one at a time


def without_each_node(
    bench: CircuitScorer, edges: Sequence[Edge], inside: PromptScores, on_step: OnStep
) -> Iterator[Removed]:
    """The circuit without each of its nodes, in topological order; `inside` are the whole circuit's scores."""
    for node in sorted({edge.sender for edge in edges}):
        left = [edge for edge in edges if edge.sender != node]
        yield _change(None, node, bench(left), inside)
        on_step()


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


def _change(edge: Edge | None, node: Sender | None, left: PromptScores, inside: PromptScores) -> Removed:
    change = left.logit_diff - inside.logit_diff
    return Removed(edge, node, float(change.mean()), float(np.abs(change).mean()), squared_change(left, inside))
