"""Heads side by side: in which of the compared circuits a head is, and what it does on each circuit's task.

Owns when two roles count as different: when both are known and no role of the one is among those of the other. A head
without a role in one of them is no evidence of a difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from acdc_custom.compare.entry import Entry
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.table import HeadRow


@dataclass(frozen=True)
class HeadSides:
    """One head. `circuits` are the letters of those that it is in; `rows` what is known of it, by letter."""

    head: Sender
    circuits: tuple[str, ...]
    rows: Mapping[str, HeadRow]

    @property
    def differs(self) -> bool:
        """Whether it does one thing on one task and another on another."""
        known = [{row.role, *row.also} for row in self.rows.values() if row.role is not Role.UNCLASSIFIED]
        return any(not first & second for first, second in combinations(known, 2))


def side_by_side(entries: Sequence[Entry]) -> tuple[HeadSides, ...]:
    """Every head that is in one of the circuits, in topological order."""
    inside = {entry.letter: set(circuit_heads(entry.circuit)) for entry in entries}
    known = {entry.letter: {row.head: row for row in entry.heads.rows} if entry.heads else {} for entry in entries}
    return tuple(
        HeadSides(
            head,
            tuple(letter for letter, heads in inside.items() if head in heads),
            {letter: rows[head] for letter, rows in known.items() if head in rows},
        )
        for head in sorted(set().union(*inside.values()))
    )
