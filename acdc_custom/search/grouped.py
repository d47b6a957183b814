"""ACDC by group testing: many edges are removed at once, and only where that costs too much are they looked at one by
one.

Owns which edges into a receiver are tested together. Most edges go, so it is cheaper to test many together and to split
where the test fails (Dorfman 1943; generalised binary splitting, Hwang 1972). At a receiver, the edges whose removal
changes what it reads are put in the order of a *hint*, the size of a score, smallest first, and cut into blocks of
3/4, 3/16 and the rest. A block is removed whole if that raises the metric by less than tau. If not, one of a single
edge is kept, and one of several is split into four parts, in their order, which are tested in its place.

So every removal costs less than tau, and every kept edge was tested alone, at the state in which it was kept. All of it
is decided by evaluation on all prompts: a poor hint costs time, and truth never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.engine.spans import Extent
from acdc_custom.graph import Edge, Receiver
from acdc_custom.search.receivers import Block, Candidates, ReceiverSearch

PARTS = 4  # of a block that cannot go whole
FIRST = (0.75, 0.9375)  # where a receiver's edges are cut into the first blocks


class GroupedSearch(ReceiverSearch):
    """One search over all edges of a model; see `ReceiverSearch`. `hint` is a score for every edge, whose size says how
    much the edge may matter."""

    def __init__(self, batch: Any, tau: float, hint: Mapping[Edge, float], *args: Any, **options: Any) -> None:
        super().__init__(batch, tau, *args, **options)
        self._hint = hint

    def _visits(self, candidates: Candidates) -> Iterable[tuple[Extent, Sequence[Edge]]]:
        if candidates.live:
            yield candidates.extent, candidates.live

    def _visit(self, receiver: Receiver, edges: Sequence[Edge], extent: Extent) -> Iterator[Decision]:
        # Windows depend on this receiver alone: so a search that is resumed has the same ones.
        self._size.forget()
        moving = []
        for edge in edges:
            if self._moves_any(edge, extent):
                moving.append(edge)
            else:
                yield self._decision(edge, Reason.SAME)
        moving.sort(key=lambda edge: abs(self._hint[edge]))  # stable: equals in the visiting order
        removed: list[Edge] = []
        for block, kept, effect in self._speculate(receiver, extent, first_blocks(moving)):
            if kept:
                self.consumers.setdefault(block[0].sender, []).append(block[0])
            else:
                removed += block
            for edge in block:
                yield self._decision(edge, Reason.EVALUATED, kept=kept, effect=effect, block=len(block))
        self._commit(extent, removed)

    def _parts(self, block: Block) -> Sequence[Block]:
        return parts_of(block)

    def _note_again(self, decision: Decision) -> None:
        """Nothing: what is learned at one receiver is forgotten at the next."""

    def _are_of(self, edges: Sequence[Edge], expected: Sequence[Edge]) -> bool:
        # In whatever order: the hint may be rounded otherwise where the search is resumed.
        return len(set(edges)) == len(edges) and set(edges) <= set(expected)


def first_blocks(edges: Sequence[Edge]) -> list[Block]:
    """A receiver's edges, those that may matter least first, in the first blocks: 3/4, 3/16, and the rest."""
    cuts = [0, *(int(share * len(edges)) for share in FIRST), len(edges)]
    return [edges[start:end] for start, end in pairwise(cuts) if end > start]


def parts_of(block: Block) -> list[Block]:
    """A block in up to four parts, as equal as can be, the larger ones first."""
    size, more = divmod(len(block), PARTS)
    lengths = [size + (part < more) for part in range(PARTS)]
    parts, start = [], 0
    for length in lengths:
        if length:
            parts.append(block[start : start + length])
        start += length
    return parts
