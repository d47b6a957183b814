"""A comparison as one HTML file.

Owns the outline: which tables there are, and what they are given. The words are in `words.py`, the looks in the
report's assets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.circuit.members import Part, members_of
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare import words
from acdc_custom.compare.comparison import Comparison, Crossing
from acdc_custom.compare.entry import describe_shape
from acdc_custom.compare.picture import SharedPaint, picture_title, union_of
from acdc_custom.compare.roles import HeadSides
from acdc_custom.compare.summary import recovered, shared_in_all
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.graph import Edge, Place, Sender
from acdc_custom.page.panels import INPUTS, drawn_receiver, drawn_sender, panels, receiver_label
from acdc_custom.page.picture import inline_svg, to_look_at
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
    anywhere = comparison.whatever_span
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
        any_span=comparison.any_span,
        in_positions=comparison.in_positions,
        spans=[span.name for span in comparison.spans],
        n_nodes={entry.letter: len(members_of(entry.circuit, Part.NODES)) for entry in comparison.entries},
        merged=Markup(_without_positions(anywhere) if anywhere and selection.edges else ""),
        shared_anywhere=shared_in_all(anywhere) if anywhere else "",
        shares=list(_shares(comparison)),
        shares_anywhere=dict(_shares(anywhere)) if anywhere else {},
        nulls=list(NullModel),
        draws=comparison.draws,
        seed=comparison.seed,
        svg=Markup(svg),  # made by Graphviz from escaped text, and written anew by an XML library
        groups=paint.groups(),
        panels=list(panels(selection)) if selection.edges else [],
        sides=_sides(comparison, selection),
        heads=[(head, _head_sides(comparison, head.member)) for head in roles],
        no_role=_no_role,
        elsewhere=partial(_elsewhere, comparison),
        letters=[entry.letter for entry in comparison.entries],
        crossings=_crossings(comparison),
        recovered=recovered,
        edges=_edges(comparison)[:MOST_EDGES],
        n_edges=len(comparison.members[Part.EDGES]),
        shown=len(selection.edges),
        per_cent=per_cent,
    )


def _without_positions(comparison: Comparison) -> str:
    """The picture of the same circuits in layers alone, to look at."""
    name = f"{picture_title(comparison)} without positions"
    return to_look_at(inline_svg(select(union_of(comparison)), name, SharedPaint(comparison)))


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
    """What each circuit makes of each drawn node; in positions, of each place where it stands."""
    if not comparison.in_positions:
        return {str(node): _head_sides(comparison, node) for node in selection.nodes}
    places = {Place(node, span.name) for node in selection.nodes for span in comparison.spans}
    return {str(place): _head_sides(comparison, place) for place in places}


def _head_sides(comparison: Comparison, member: Sender | Place) -> list[CircuitSide]:
    shares = comparison.members[Part.NODES].get(member, {})
    head = next((head for head in comparison.heads if head.member == member), None)
    return [
        CircuitSide(entry.letter, shares.get(entry.letter), ", ".join(head.roles(entry.letter)) if head else "")
        for entry in comparison.entries
    ]


def _no_role(head: HeadSides, letter: str) -> str:
    """Why a head of the circuit has no role to show."""
    return "in the circuit; " + ("no role here" if letter in head.rows else "roles not found yet")


def _elsewhere(comparison: Comparison, head: HeadSides, letter: str) -> str:
    """Where a circuit in positions has a head that it has not at this span: ` here, but at S2, END`."""
    (entry,) = (entry for entry in comparison.entries if entry.letter == letter)
    spans = entry.circuit.written_at.get(head.head, ()) if head.span else ()
    return f" here, but at {', '.join(spans)}" if spans else ""


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
            "sender": drawn_sender(KeptEdge(edge, 0.0)),
            "sender_label": edge.sender.label,
            "receiver": drawn_receiver(KeptEdge(edge, 0.0)),
            "span": edge.span,
            "receiver_label": receiver_label(edge.receiver),
            "port": INPUTS[edge.receiver.port],
            "letters": "\N{NO-BREAK SPACE}".join(by),
            "shares": by,
        }
        for edge, by in members
        if isinstance(edge, Edge)
    ]
