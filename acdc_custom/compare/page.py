"""A comparison as one HTML file.

Owns the outline: which tables there are, and what they are given. The words are in `words.py`, the looks in the
report's assets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare import words
from acdc_custom.compare.comparison import Comparison, Crossing
from acdc_custom.compare.entry import describe_shape
from acdc_custom.compare.picture import SharedPaint, picture_title, union_of
from acdc_custom.compare.summary import recovered, shared_in_all
from acdc_custom.export.dot import drawn_node
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.graph import Edge, Sender
from acdc_custom.heads.table import HeadRow
from acdc_custom.page.panels import INPUTS, panels, receiver_label
from acdc_custom.page.picture import inline_svg
from acdc_custom.page.template import render
from acdc_custom.version import __version__

SCRIPTS = ("zoom.js", "nodes.js", "tables.js")
MOST_EDGES = 200  # in the table; comparison.json has all


@dataclass(frozen=True)
class CircuitSide:
    """What one circuit makes of one node: its share of the effect, and its role."""

    letter: str
    share: float | None
    role: str


def comparison_page(comparison: Comparison) -> str:
    """The whole page. Raises `ResultError` without a Graphviz."""
    selection = select(union_of(comparison))
    paint = SharedPaint(comparison)
    svg = inline_svg(selection, picture_title(comparison), paint) if selection.edges else ""
    roles = [head for head in comparison.heads if head.rows]
    return render(
        "compare.html",
        SCRIPTS,
        version=__version__,
        title=picture_title(comparison),
        finding=words.finding(comparison),
        limits=list(words.limits(comparison)),
        notes=comparison.notes,
        shape=describe_shape(comparison.entries[0].circuit.shape),
        entries=comparison.entries,
        private={entry.letter: len(comparison.private_to(Part.EDGES, entry.letter)) for entry in comparison.entries},
        shared=shared_in_all(comparison),
        tables=[(part, part.about, [p for p in comparison.pairs if p.part is part]) for part in Part],
        shares=list(_shares(comparison)),
        nulls=list(NullModel),
        draws=comparison.draws,
        seed=comparison.seed,
        svg=Markup(svg),  # made by Graphviz from escaped text, and written anew by an XML library
        groups=paint.groups(),
        panels=list(panels(selection)) if selection.edges else [],
        sides=_sides(comparison, selection),
        heads=[(head, _head_sides(comparison, head.head)) for head in roles],
        letters=[entry.letter for entry in comparison.entries],
        crossings=_crossings(comparison),
        recovered=recovered,
        edges=_edges(comparison)[:MOST_EDGES],
        n_edges=len(comparison.members[Part.EDGES]),
        shown=len(selection.edges),
        per_cent=per_cent,
    )


def per_cent(value: float | None) -> str:
    """A share; a dash where there is none."""
    return "-" if value is None else _shown(value)


def _shown(share: float) -> str:
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def _shares(comparison: Comparison) -> Any:
    """For each part, a matrix: the share of the row's members that the column has. None on empty circuits."""
    for part in Part:
        found: dict[tuple[str, str], float | None] = {}
        for pair in comparison.pairs:
            if pair.part is part:
                found[pair.first.letter, pair.second.letter] = pair.overlap.of_first
                found[pair.second.letter, pair.first.letter] = pair.overlap.of_second
        yield part, found


def _sides(comparison: Comparison, selection: DrawnPart) -> dict[str, list[CircuitSide]]:
    """What each circuit makes of each drawn node."""
    return {str(node): _head_sides(comparison, node) for node in selection.nodes}


def _head_sides(comparison: Comparison, node: Sender) -> list[CircuitSide]:
    shares = comparison.members[Part.NODES].get(node, {})
    rows = next((head.rows for head in comparison.heads if head.head == node), {})
    return [
        CircuitSide(entry.letter, shares.get(entry.letter), _role(rows.get(entry.letter)))
        for entry in comparison.entries
    ]


def _role(row: HeadRow | None) -> str:
    return ", ".join((row.role, *row.also)) if row else ""


def _crossings(comparison: Comparison) -> dict[str, list[Crossing]]:
    """Rows of the matrix, by what was run."""
    rows: dict[str, list[Crossing]] = {}
    for crossing in comparison.crossings:
        rows.setdefault(crossing.edges, []).append(crossing)
    return rows


def _edges(comparison: Comparison) -> list[dict[str, Any]]:
    """Every edge, those in most circuits first, then by their largest share."""
    members = sorted(comparison.members[Part.EDGES].items(), key=lambda item: (-len(item[1]), -max(item[1].values())))
    return [
        {
            "sender": str(edge.sender),
            "sender_label": edge.sender.label,
            "receiver": drawn_node(edge.receiver),
            "receiver_label": receiver_label(edge.receiver),
            "port": INPUTS[edge.receiver.port],
            "letters": "\N{NO-BREAK SPACE}".join(by),
            "shares": by,
        }
        for edge, by in members
        if isinstance(edge, Edge)
    ]
