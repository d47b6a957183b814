"""Heads side by side: in which of the compared circuits a head is, and what it does on each circuit's task.

Owns when two roles count as different: when both are known and no role of the one is among those of the other. A head
without a role in one of them is no evidence of a difference. Of circuits in positions, a head at each span stands for
itself, with the roles that it has there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from acdc_custom.compare.entry import Entry
from acdc_custom.graph import Place, Sender
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.names import circuit_places
from acdc_custom.heads.table import HeadRow


@dataclass(frozen=True)
class HeadSides:
    """One head, in positions at one span. `circuits` are the letters of those that it is in; `rows` what is known of
    it, by letter: in positions, in those circuits alone that have it there."""

    head: Sender
    circuits: tuple[str, ...]
    rows: Mapping[str, HeadRow]
    span: str = ""

    @property
    def member(self) -> Sender | Place:
        """What circuits have of it."""
        return Place(self.head, self.span) if self.span else self.head

    def roles(self, letter: str) -> tuple[Role, ...]:
        """What it does there on a circuit's task, the first role first; nothing where that is not known."""
        return self.rows[letter].roles_at(self.span) if letter in self.rows else ()

    @property
    def differs(self) -> bool:
        """Whether it does one thing on one task and another on another."""
        roles = [set(self.roles(letter)) for letter, row in self.rows.items() if row.role is not Role.UNCLASSIFIED]
        return any(not first & second for first, second in combinations(filter(None, roles), 2))


def side_by_side(entries: Sequence[Entry]) -> tuple[HeadSides, ...]:
    """Every head that is in one of the circuits, in topological order; in positions, at every span where it is."""
    inside = {entry.letter: set(circuit_places(entry.circuit)) for entry in entries}
    known = {entry.letter: {row.head: row for row in entry.heads.rows} if entry.heads else {} for entry in entries}
    found = []
    for place in sorted(set().union(*inside.values())):
        circuits = tuple(letter for letter, places in inside.items() if place in places)
        rows = {
            letter: of[place.node]
            for letter, of in known.items()
            if place.node in of and (letter in circuits or not place.span)
        }
        found.append(HeadSides(place.node, circuits, rows, place.span))
    return tuple(found)
