"""One edge, decided: what a search yields and a journal holds, a line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from acdc_custom.graph import Edge, Receiver, Sender


class Reason(StrEnum):
    """How an edge was decided."""

    EVALUATED = "evaluated"
    SAME = "same"  # removed or not, it carries the same wherever the receiver reads: no change is possible
    DEAD = "dead"  # nothing that the receiver feeds has a kept path to the logits: no effect is possible


@dataclass(frozen=True)
class Decision:
    """One edge, decided. `effect` is the metric's increase on removal, given what had been removed before."""

    edge: Edge
    kept: bool
    effect: float
    metric: float  # of the circuit after this decision
    reason: Reason
    evaluations: int  # candidates evaluated so far

    def to_json(self) -> str:
        """One line of a journal, without its end."""
        return json.dumps(
            {
                "sender": str(self.edge.sender),
                "receiver": str(self.edge.receiver),
                "kept": self.kept,
                "effect": self.effect,
                "metric": self.metric,
                "reason": self.reason.value,
                "evaluations": self.evaluations,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse. Raises `ValueError`, `KeyError`, `TypeError` or `UsageError` for anything else."""
        row = json.loads(text)
        edge = Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"]))
        numbers = float(row["effect"]), float(row["metric"])
        return cls(edge, bool(row["kept"]), *numbers, Reason(row["reason"]), int(row["evaluations"]))
