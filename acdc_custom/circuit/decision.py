"""One edge, decided: what a search yields and a journal holds, a line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from acdc_custom.files.reading import checked, parse_json
from acdc_custom.graph import Edge, Receiver, Sender

_KINDS = {
    "sender": "str",
    "receiver": "str",
    "kept": "bool",
    "effect": "float",
    "metric": "float",
    "reason": "str",
    "evaluations": "int",
}


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
        """The inverse. Raises `ValueError`, `TypeError` or `UsageError` for anything else."""
        row = checked(parse_json(text), _KINDS)
        edge = Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"]))
        reason, numbers = Reason(row["reason"]), (float(row["effect"]), float(row["metric"]))
        if row["kept"] and reason is not Reason.EVALUATED:
            raise ValueError(f"{edge} is kept although its reason is {reason.value}")
        return cls(edge, row["kept"], *numbers, reason, row["evaluations"])
