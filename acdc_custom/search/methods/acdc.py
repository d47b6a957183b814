"""ACDC, the method that everything else is compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.graph import Edge
from acdc_custom.search.method import Batch, Decider, DecidingMethod
from acdc_custom.search.order import visited_spans, visiting_order

if TYPE_CHECKING:
    from acdc_custom.search.acdc import Search


def _start(
    batch: Batch,
    settings: SearchSettings,
    window_bytes: int,
    hint: Mapping[Edge, float],
    among: Collection[Edge] | None,
) -> Decider:
    from acdc_custom.search.acdc import Search

    caches = batch[0][0]
    order = visiting_order(caches.model.graph, settings.order, settings.order_seed)
    spans = visited_spans(caches.spans.names, settings.positions)
    assert settings.threshold is not None
    search: Search = Search(batch, settings.threshold, settings.window, order, window_bytes, among, spans)
    return search


METHOD = DecidingMethod(
    name="acdc",
    title="ACDC",
    about="visits every edge from the logits down, and removes it if that raises the metric by less than the threshold",
    source="Conmy et al. 2023, arXiv 2304.14997",
    start=_start,
    evaluations=lambda n_edges: 1.1 * n_edges,  # a tenth is made in vain, behind edges that are kept
    quicker="grouped",
)
