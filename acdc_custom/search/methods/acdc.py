"""ACDC, the method that everything else is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.graph import Graph
from acdc_custom.search.method import Batch, Decider, DecidingMethod
from acdc_custom.search.order import visiting_order

if TYPE_CHECKING:
    from acdc_custom.search.acdc import Search


def _start(batch: Batch, settings: SearchSettings, window_bytes: int) -> Decider:
    from acdc_custom.search.acdc import Search

    order = visiting_order(batch[0][0].model.graph, settings.order, settings.order_seed)
    assert settings.threshold is not None
    search: Search = Search(batch, settings.threshold, settings.window, order, window_bytes)
    return search


def whole_receivers(decisions: Sequence[Decision], graph: Graph, settings: SearchSettings) -> int:
    """How many decisions of an interrupted search make up whole receivers."""
    taken = 0
    for receiver in visiting_order(graph, settings.order, settings.order_seed).receivers:
        if taken + graph.n_senders_before(receiver) > len(decisions):
            break
        taken += graph.n_senders_before(receiver)
    return taken


METHOD = DecidingMethod(
    name="acdc",
    title="ACDC",
    about="visits every edge from the logits down, and removes it if that raises the metric by less than the threshold",
    source="Conmy et al. 2023, arXiv 2304.14997",
    start=_start,
    resumable=whole_receivers,
)
