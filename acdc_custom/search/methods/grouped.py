"""ACDC by group testing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.graph import Edge
from acdc_custom.search.method import Batch, Decider, DecidingMethod
from acdc_custom.search.methods.eap_ig import METHOD as HINT
from acdc_custom.search.order import visited_spans, visiting_order

if TYPE_CHECKING:
    from acdc_custom.engine.caches import Caches
    from acdc_custom.search.grouped import GroupedSearch


def _start(
    batch: Batch,
    settings: SearchSettings,
    window_bytes: int,
    hint: Mapping[Edge, float],
    among: Collection[Edge] | None,
) -> Decider:
    from acdc_custom.search.grouped import GroupedSearch

    caches = batch[0][0]
    order = visiting_order(caches.model.graph, settings.order, settings.order_seed)
    spans = visited_spans(caches.spans.names, settings.positions)
    assert settings.threshold is not None
    search: GroupedSearch = GroupedSearch(
        batch, settings.threshold, hint, settings.window, order, window_bytes, among, spans
    )
    return search


def _hint_in_positions(chunks: Sequence[Caches]) -> Mapping[Edge, float]:
    from acdc_custom.search.attribution import attribute, embedding_points

    points = partial(embedding_points, steps=HINT.points or 1)
    return attribute(chunks, points, spans=chunks[0].spans.names)


def _evaluations(n_edges: int) -> float:
    """Three blocks, and what it takes to find one edge that is kept: in circuits of a hundred edges or more, there is
    about one such edge per live receiver."""
    return min(n_edges, 3 + 2 * math.log(max(n_edges, 1), 4))


METHOD = DecidingMethod(
    name="grouped",
    title="grouped ACDC",
    about="ACDC by group testing: removes many edges at once where that raises the metric by less than the threshold, "
    "and splits them where it does not; several times faster, and the circuit differs a little",
    source="after Conmy et al. 2023, arXiv 2304.14997, and Dorfman 1943",
    start=_start,
    hint=HINT.scores,
    hint_in_positions=_hint_in_positions,
    hint_passes=HINT.points or 1,
    evaluations=_evaluations,
    at_once=2,
)
