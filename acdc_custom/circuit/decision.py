"""One edge, decided: what a search yields and a journal holds, a line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from acdc_custom.files.reading import parse_json
from acdc_custom.files.records import from_plain, seldom, to_plain
from acdc_custom.graph import Edge, Receiver, Sender


class Reason(StrEnum):
    """How an edge was decided."""

    EVALUATED = "evaluated"
    SAME = "same"  # removed or not, it carries the same wherever the receiver reads: no change is possible
    DEAD = "dead"  # nothing that the receiver feeds has a kept path to the logits: no effect is possible
    SCORED = "scored"  # by a method that scores all edges, and keeps those that come first


@dataclass(frozen=True)
class Decision:
    """One edge, decided: at all tokens, or at those of its span. `effect` is the metric's increase on removal, given
    what had been removed before; of an edge that was scored, its score.

    Of a search in positions, a dead edge without a span is dead at all spans of which nothing else is said.
    """

    edge: Edge
    kept: bool
    effect: float
    metric: float | None  # of the circuit after this decision; None of an edge that was scored
    reason: Reason
    evaluations: int  # candidates evaluated so far
    block: int = 1  # how many edges were removed together with this one, itself included: the effect is that of all

    def to_json(self) -> str:
        """One line of a journal, without its end."""
        edge = self.edge
        line = _Line(
            edge.sender, edge.receiver, self.kept, self.effect, self.metric, self.reason, self.evaluations, edge.span
        )
        return json.dumps(to_plain(line) | ({"block": self.block} if self.block > 1 else {}))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse. Raises `ValueError`, `TypeError` or `UsageError` for anything else."""
        content = parse_json(text)
        block = content.pop("block", 1) if type(content) is dict else 1
        line = from_plain(_Line, content)
        edge = Edge(line.sender, line.receiver, line.span)
        if line.kept and line.reason not in (Reason.EVALUATED, Reason.SCORED):
            raise ValueError(f"{edge} is kept although its reason is {line.reason.value}")
        if (line.metric is None) != (line.reason is Reason.SCORED):
            raise ValueError(f"{edge} has the metric {line.metric} although its reason is {line.reason.value}")
        if type(block) is not int or block < 1 or (block > 1 and line.kept):
            raise ValueError(f"{edge} has the block {block!r}, expected 1, or the edges that were removed with it")
        return cls(edge, line.kept, line.effect, line.metric, line.reason, line.evaluations, block)


@dataclass(frozen=True)
class _Line:
    """A decision as the journal has it: the names of its edge, and of its span, stand beside the rest."""

    sender: Sender
    receiver: Receiver
    kept: bool
    effect: float
    metric: float | None
    reason: Reason
    evaluations: int
    span: str = seldom("")
