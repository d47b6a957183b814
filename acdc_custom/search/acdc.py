"""ACDC (Conmy et al. 2023, arXiv 2304.14997, Algorithm 1), exactly, in windows.

Owns how the edges into a receiver are decided: one after the other, in the visiting order. An edge is removed if its
removal raises the metric by less than tau.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine.caches import Extent
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.search.receivers import Block, ReceiverSearch


class Search(ReceiverSearch):
    """One search over all edges of a model; see `ReceiverSearch`."""

    def _visit(self, receiver: Receiver, senders: tuple[Sender, ...], extent: Extent) -> Iterator[Decision]:
        moves = [self._moves_any(sender, extent) for sender in senders]
        outcomes = self._speculate(receiver, extent, [(sender,) for sender in compress(senders, moves)])
        removed = []
        for sender, does_move in zip(senders, moves, strict=True):
            edge = Edge(sender, receiver)
            if not does_move:
                yield self._decision(edge, Reason.SAME)
                continue
            _, kept, effect = next(outcomes)
            if kept:
                self.consumers.setdefault(sender, []).append(receiver)
            else:
                removed.append(sender)
            yield self._decision(edge, Reason.EVALUATED, kept=kept, effect=effect)
        self._commit(extent, removed)

    def _parts(self, block: Block) -> Sequence[Block]:
        raise AssertionError("blocks of one edge have no parts")
