"""What a picture's colours and tooltips say: by default inputs, effects and roles.

Owns the choice; how a colour or a badge looks is `style.py`'s, where things stand is `dot.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.export.caption import unit_of, with_unit
from acdc_custom.export.selection import DrawnPart
from acdc_custom.export.style import PORT_STYLES, ROLE_STYLES, Badge, shade
from acdc_custom.graph import Place, Port
from acdc_custom.task.spans import END


class Paint(Protocol):
    """All texts are plain: they are escaped where they are written."""

    def colour(self, kept: KeptEdge, largest: float) -> str:
        """An edge's colour; `largest` is the largest effect of all drawn edges."""

    def badge(self, place: Place) -> Badge | None:
        """What a node's name stands on; in positions, at its span."""

    def cell(self, port: Port) -> str:
        """What an input's cell stands on, where an edge ends in it; in columns."""

    def amount(self, effect: float) -> str:
        """An effect with its unit."""

    def edge_note(self, kept: KeptEdge) -> str:
        """What the tooltip says of an edge."""

    def node_notes(self, place: Place) -> list[str]:
        """Lines that are added to a node's tooltip."""


@dataclass(frozen=True)
class RolePaint:
    """Edges by the input that they lead into, weak ones paler; heads by role, where it is known."""

    selection: DrawnPart

    def colour(self, kept: KeptEdge, largest: float) -> str:
        """The input's."""
        return shade(PORT_STYLES[kept.edge.receiver.port].colour, kept.strength, largest)

    def badge(self, place: Place) -> Badge | None:
        """The role's. One that is a matter of END is none of the head's work at another span."""
        row = self.selection.head_rows.get(place.node)
        if row is None or (row.role.at_end and place.span not in ("", END)):
            return None
        return ROLE_STYLES[row.role]

    def cell(self, port: Port) -> str:
        """The input's tint."""
        return PORT_STYLES[port].tint

    def amount(self, effect: float) -> str:
        """In the metric's unit."""
        return with_unit(effect, unit_of(self.selection.circuit))

    def edge_note(self, kept: KeptEdge) -> str:
        """Its effect, or its score."""
        what = "score" if self.selection.circuit.is_scored else "effect"
        return f"{what} {self.amount(kept.effect)}"

    def node_notes(self, place: Place) -> list[str]:
        """The role, and what it rests on."""
        row = self.selection.head_rows.get(place.node)
        return row.lines if row else []
