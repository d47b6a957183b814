"""Exact effects of single edges: every edge removed alone from the full model. The field calls it edge activation
patching.

An edge's score is how far the logit difference falls without it, mean over prompts: the rise of the metric
`logit-diff`. That is what EAP and its kin estimate, in the same unit and with the same sign. It is the logit difference
for every `--metric`: the KL from the full model rises with whatever is removed, and could not tell edges that help from
edges that hurt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from acdc_custom.graph import LOGITS, Edge, Receiver, Sender, Stage
from acdc_custom.search.method import ScoringMethod, ToScore

if TYPE_CHECKING:
    from acdc_custom.engine.chunk import Chunk
    from acdc_custom.engine.spans import Extent


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    """In the order of the graph."""
    import torch

    with torch.no_grad():
        model = _FullModel(asked)
        for receiver in asked.graph.receivers:
            for span in asked.spans[-1:] if receiver == LOGITS else asked.spans:
                effects = model.effects(receiver, span)
                for sender in asked.graph.senders_to(receiver):
                    yield Edge(sender, receiver, span), effects.get(sender, 0.0)
                    asked.on_step()


class _FullModel:
    """Every node alive, and nothing removed for good."""

    def __init__(self, asked: ToScore) -> None:
        from acdc_custom.engine.circuits import live_extents
        from acdc_custom.engine.metrics import mean_over_chunks
        from acdc_custom.engine.window import WindowSize

        self._asked, self._graph = asked, asked.graph
        knocked_out = asked.chunks[0].knocked_out
        kept = [edge for edge in self._graph.edges() if edge.sender not in knocked_out]
        self._spans = asked.chunks[0].spans
        self._live = live_extents(self._graph, self._spans, _by_sender(kept))
        # No change goes on through a head that is knocked out.
        reading = {r for r in self._graph.receivers if self._read_extent(r) is not None}
        consumers = _by_sender(edge for edge in kept if edge.receiver in reading)
        self._chunks = _opened(asked, consumers, self._live)
        self._size = WindowSize(asked.window, asked.window_bytes)
        self._whole = mean_over_chunks([chunk.metric() for chunk in self._chunks])[0]

    def effects(self, receiver: Receiver, span: str) -> dict[Sender, float]:
        """Of the edges into a receiver at a span, those that can have any: what carries the same when it is removed has
        none, and neither has what leads nowhere.

        Whole windows only are taken over from an interrupted search. So what is left comes out as if there had been no
        interruption, to the last bit.
        """
        import torch

        from acdc_custom.engine.window import Cost

        extent = (self._read_extent(receiver) or frozenset()) & self._spans.part(span)
        found = dict[Sender, float]()
        if not extent:
            return found
        left = [sender for sender in self._graph.senders_to(receiver) if self._moves(sender, extent)]
        cost = Cost.of_chunks([chunk.visit(receiver, extent) for chunk in self._chunks])
        while left:
            window = left[: self._size.without_waste(cost)]
            earlier = {sender: self._asked.earlier.get(Edge(sender, receiver, span)) for sender in window}
            known = {sender: effect for sender, effect in earlier.items() if effect is not None}
            if len(known) < len(window):
                try:
                    known = dict(zip(window, self._without(window), strict=True))
                except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                    self._size.shrink(len(window), error)
                    continue
            found |= known
            left = left[len(window) :]
        return found

    def _read_extent(self, receiver: Receiver) -> Extent | None:
        return self._spans.read_extent(self._graph, receiver, self._live)

    def _moves(self, sender: Sender, extent: Extent) -> bool:
        place = self._graph.index[sender]
        return any(chunk.caches.moves[span][place] for chunk in self._chunks for span in extent)

    def _without(self, senders: list[Sender]) -> list[float]:
        """By how much the metric rises without each edge."""
        from acdc_custom.engine.metrics import mean_over_chunks

        places = [self._graph.index[sender] for sender in senders]
        values = mean_over_chunks([chunk.evaluate_each(places) for chunk in self._chunks])
        return [value - self._whole for value in values]


def _by_sender(edges: Iterable[Edge]) -> dict[Sender, list[Edge]]:
    of_sender: dict[Sender, list[Edge]] = {}
    for edge in edges:
        of_sender.setdefault(edge.sender, []).append(edge)
    return of_sender


def _opened(asked: ToScore, consumers: dict[Sender, list[Edge]], live: dict[Sender, Extent]) -> list[Chunk]:
    """The prompts, with every live node in its clean state."""
    from acdc_custom.engine.chunk import Chunk
    from acdc_custom.engine.metrics import negative_logit_diff
    from acdc_custom.engine.stopwatch import Stopwatch

    chunks = []
    for caches in asked.chunks:
        objective = negative_logit_diff(caches.model.weights, caches.tokens)
        chunk = Chunk(caches, objective, consumers, Stopwatch(caches.model.device))
        for layer in range(asked.graph.shape.n_layers):
            heads = {n.head: extent for n, extent in live.items() if n.layer == layer and n.stage is Stage.HEAD}
            if heads:
                chunk.open_attention(layer, heads)
            if (mlp := Sender(layer, Stage.MLP)) in live:
                chunk.open_mlp(layer, live[mlp])
        chunks.append(chunk)
    return chunks


METHOD = ScoringMethod(
    name="edge-effects",
    title="Edge effects",
    about="exact effects of single edges: the fall of the logit difference when one edge alone is removed from the "
    "full model",
    source="edge activation patching; Conmy et al. 2023, arXiv 2304.14997, section 3",
    unit="logits",
    score=_score,
    n_steps=lambda chunks: chunks[0].model.graph.n_edges,
    each_edge=True,
)
