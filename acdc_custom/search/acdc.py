"""ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1), exactly, in windows.

Owns how the edges into a receiver are decided: one after the other, in the visiting order. An edge is removed if its
removal raises the metric by less than tau.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine.spans import Extent
from acdc_custom.graph import Edge, Receiver
from acdc_custom.search.receivers import Block, Candidates, ReceiverSearch


class Search(ReceiverSearch):
    """One search over all edges of a model; see `ReceiverSearch`."""

    def _visits(self, candidates: Candidates) -> Iterable[tuple[Extent, Sequence[Edge]]]:
        for span, edges in groupby(candidates.live, key=lambda edge: edge.span):
            yield self.spans.part(span) & candidates.extent, list(edges)

    def _visit(self, receiver: Receiver, edges: Sequence[Edge], extent: Extent) -> Iterator[Decision]:
        moves = [self._moves_any(edge, extent) for edge in edges]
        outcomes = self._speculate(receiver, extent, [(edge,) for edge in compress(edges, moves)])
        removed = []
        for edge, does_move in zip(edges, moves, strict=True):
            if not does_move:
                yield self._decision(edge, Reason.SAME)
                continue
            _, kept, effect = next(outcomes)
            if kept:
                self.consumers.setdefault(edge.sender, []).append(edge)
            else:
                removed.append(edge)
            yield self._decision(edge, Reason.EVALUATED, kept=kept, effect=effect)
        self._commit(extent, removed)

    def _parts(self, block: Block) -> Sequence[Block]:
        raise AssertionError("blocks of one edge have no parts")
