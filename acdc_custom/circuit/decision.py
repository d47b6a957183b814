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
    "metric": "float | None",
    "reason": "str",
    "evaluations": "int",
    "block": "int",
}


class Reason(StrEnum):
    """How an edge was decided."""

    EVALUATED = "evaluated"
    SAME = "same"  # removed or not, it carries the same wherever the receiver reads: no change is possible
    DEAD = "dead"  # nothing that the receiver feeds has a kept path to the logits: no effect is possible
    SCORED = "scored"  # by a method that scores all edges, and keeps those that come first


@dataclass(frozen=True)
class Decision:
    """One edge, decided. `effect` is the metric's increase on removal, given what had been removed before; of an edge
    that was scored, its score."""

    edge: Edge
    kept: bool
    effect: float
    metric: float | None  # of the circuit after this decision; None of an edge that was scored
    reason: Reason
    evaluations: int  # candidates evaluated so far
    block: int = 1  # how many edges were removed together with this one, itself included: the effect is that of all

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
                **({"block": self.block} if self.block > 1 else {}),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse. Raises `ValueError`, `TypeError` or `UsageError` for anything else."""
        row = parse_json(text)
        row = checked({"block": 1, **row} if type(row) is dict else row, _KINDS)
        if row["block"] < 1 or (row["block"] > 1 and row["kept"]):
            raise ValueError(f"a block of {row['block']} edges is not kept")
        edge = Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"]))
        reason, metric = Reason(row["reason"]), row["metric"]
        if row["kept"] and reason not in (Reason.EVALUATED, Reason.SCORED):
            raise ValueError(f"{edge} is kept although its reason is {reason.value}")
        if (metric is None) != (reason is Reason.SCORED):
            raise ValueError(f"{edge} has the metric {metric} although its reason is {reason.value}")
        metric = None if metric is None else float(metric)
        return cls(edge, row["kept"], float(row["effect"]), metric, reason, row["evaluations"], row["block"])
