"""Several circuits as one picture: every edge and node of any of them, coloured by whose it is.

Owns the colours and the words of that picture. With two circuits: only the one's, only the other's, both; with more,
the darker, the more of them have it. Line styles still say which input an edge leads into. Circuits at spans stand in
columns, where a node has the colour of those that have it at that span.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.circuit.members import Member, Part
from acdc_custom.compare.comparison import Comparison
from acdc_custom.export.caption import block_html, note_html, plural, sample_html
from acdc_custom.export.columns_dot import ROW, captioned_columns_dot, columns_key
from acdc_custom.export.dot import captioned_dot
from acdc_custom.export.picture import Format, render, standalone
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.export.style import GREY, PORT_STYLES, Badge, badge_html, line_html, number
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Place, Port

FIRST, SECOND, BOTH = "#0072b2", "#d55e00", "#222222"
TINTS = {FIRST: "#cfe5f3", SECOND: "#fbdcc6", BOTH: "#dddddd"}
LIGHT, DARK = (158, 202, 225), (8, 48, 107)  # in one circuit, in all
USED = "#cfcfcf"  # the cell of an input that is read
MANY = 4  # letters on a badge; more are counted
PER_ROW = 3  # of the legend
HEADS = 24.0  # points that a row with a head's sample is higher than others


@dataclass(frozen=True)
class Group:
    """Members of the same circuits, or of the same number of circuits: one line of the legend."""

    colour: str
    badge: Badge
    meaning: str
    n_edges: int


@dataclass(frozen=True)
class SharedPaint:
    """Colours by membership, and tooltips that say whose it is and how much of it."""

    comparison: Comparison

    def colour(self, kept: KeptEdge, largest: float) -> str:
        """The colour of the circuits that have the edge, whatever its effect."""
        return self._colour(self._owners(Part.EDGES, kept.edge))

    def badge(self, place: Place) -> Badge | None:
        """The same for a node; none for one that no circuit sends from."""
        owners = self._owners(Part.NODES, _member(place))
        return self._badge(owners) if owners else None

    def cell(self, port: Port) -> str:
        """Grey: colours are the circuits'."""
        return USED

    def amount(self, effect: float) -> str:
        """A weight, in per cent."""
        return f"{number(100 * effect)} % of its circuit's effect"

    def edge_note(self, kept: KeptEdge) -> str:
        """Whose it is, with its weight in each."""
        return self._note(Part.EDGES, kept.edge)

    def node_notes(self, place: Place) -> list[str]:
        """The same for a node, and its role in each."""
        member = _member(place)
        roles = [
            f"{letter}: {', '.join(head.roles(letter))}"
            for head in self.comparison.heads
            if head.member == member
            for letter in head.rows
            if head.roles(letter)
        ]
        return [self._note(Part.NODES, member), *roles] if self._owners(Part.NODES, member) else roles

    def groups(self) -> list[Group]:
        """The legend: what each colour stands for, and how many edges have it."""
        letters = tuple(entry.letter for entry in self.comparison.entries)
        owners = [tuple(by) for by in self.comparison.members[Part.EDGES].values()]
        if len(letters) == 2:
            kinds = {(letters[0],): "in {} only", (letters[1],): "in {} only", letters: "in both"}
            return [
                Group(self._colour(kind), self._badge(kind), text.format(*kind), owners.count(kind))
                for kind, text in kinds.items()
            ]
        groups = []
        for count in range(1, len(letters) + 1):
            colour = self._colour(letters[:count])
            meaning = f"in all {count}" if count == len(letters) else f"in {count} circuit{plural(count)}"
            n_edges = sum(len(kind) == count for kind in owners)
            groups.append(Group(colour, Badge(_tint(colour), str(count)), meaning, n_edges))
        return groups

    def _owners(self, part: Part, member: Member) -> tuple[str, ...]:
        return tuple(self.comparison.members[part].get(member, ()))

    def _note(self, part: Part, member: Member) -> str:
        shares = (f"{letter} {number(100 * w)} %" for letter, w in self.comparison.members[part][member].items())
        return f"share of the effect in {', '.join(shares)}"

    def _colour(self, owners: tuple[str, ...]) -> str:
        count, of = len(owners), len(self.comparison.entries)
        if of == 2:
            return BOTH if count == 2 else FIRST if owners == (self.comparison.entries[0].letter,) else SECOND
        share = (count - 1) / (of - 1)
        return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(LIGHT, DARK, strict=True))

    def _badge(self, owners: tuple[str, ...]) -> Badge:
        mark = " ".join(owners) if len(owners) <= MANY else f"in {len(owners)}"
        return Badge(_tint(self._colour(owners)), mark)


def _member(place: Place) -> Member:
    """As circuits have it: in positions with its span, else without."""
    return place if place.span else place.node


def _tint(colour: str) -> str:
    """A light one, for dark text."""
    channels = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return TINTS.get(colour) or "#" + "".join(f"{round(255 - 0.4 * (255 - channel)):02x}" for channel in channels)


def union_of(comparison: Comparison) -> Circuit:
    """All edges of all circuits as one, each with its largest weight as its effect."""
    members = comparison.members[Part.EDGES]
    kept = {kept.edge for entry in comparison.entries for kept in entry.circuit.edges}
    edges = tuple(KeptEdge(edge, max(members[edge].values())) for edge in sorted(kept))
    return replace(comparison.entries[0].circuit, edges=edges, spans=comparison.spans)


def picture_title(comparison: Comparison) -> str:
    """Plain text."""
    names = [entry.name for entry in comparison.entries]
    return f"{names[0]} and {names[1]} compared" if len(names) == 2 else f"{len(names)} circuits compared"


def picture_facts(comparison: Comparison, selection: DrawnPart) -> list[str]:
    """The lines under the title, plain text."""
    at_spans = " at spans" * comparison.in_positions
    lines = [f"{e.letter}: {e.name}, {len(e.circuit.edges):,} edges{at_spans}." for e in comparison.entries]
    if more := [f"{e.letter} {n:,} edge{plural(n)}" for e in comparison.entries if (n := sum(e.elsewhere.values()))]:
        lines.append(f"Drawn are the spans that all of them have; at others are more: {', '.join(more)}.")
    if not selection.is_whole:
        lines.append(
            f"{len(selection.edges):,} of {len(selection.circuit.edges):,} edges shown, those with the largest shares."
        )
    return [*lines, "Line width: the share of an edge in its circuit's effects, the largest of its shares."]


def draw_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the picture as SVG. Raises `ResultError` without a Graphviz, or when it cannot be written."""
    selection = select(union_of(comparison))
    heading, facts = picture_title(comparison), picture_facts(comparison, selection)
    paint, rows = SharedPaint(comparison), _legend_rows(comparison)
    if comparison.in_positions and selection.edges:
        rows += [*columns_key(selection, paint), note_html(_example(comparison))]
        height = ROW * len(rows) + HEADS
        dot = captioned_columns_dot(selection, paint, heading, facts, _grid(rows), height)
    else:
        dot = captioned_dot(selection, paint, block_html(heading, facts, _grid(rows)))
    svg = standalone(render(dot, Format.SVG).decode(), heading, " ".join(facts))
    return write_file(path, svg)


def _example(comparison: Comparison) -> str:
    """Whose prompt the example is, and what colours do not tell."""
    tasks = {entry.circuit.task.sha256 for entry in comparison.entries}
    whose = f" The example is a prompt of {comparison.entries[0].letter}." if len(tasks) > 1 else ""
    return f"A node has a colour at each span for itself. Violet lines are no edges, and no circuit's.{whose}"


def _legend_rows(comparison: Comparison) -> list[str]:
    """Whose the colours are, some to a row, and then what the lines lead into."""
    groups = [
        sample_html(_row(badge_html(group.badge), _line(Port.IN, group.colour)), _counted(group))
        for group in SharedPaint(comparison).groups()
    ]
    ports = {Port.Q: "into a query", Port.K: "into a key", Port.V: "into a value"}
    lines = [
        sample_html(_row(_line(port, GREY)), f"{meaning} {PORT_STYLES[port].mark}") for port, meaning in ports.items()
    ]
    rows = [*(groups[start : start + PER_ROW] for start in range(0, len(groups), PER_ROW)), lines]
    return ["".join(row) for row in rows]


def _grid(rows: Iterable[str]) -> str:
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4">'
        + "".join(f"<TR>{row}</TR>" for row in rows)
        + "</TABLE>"
    )


def _counted(group: Group) -> str:
    return f"{group.meaning}: {group.n_edges:,} edge{plural(group.n_edges)}"


def _line(port: Port, colour: str) -> str:
    return line_html(replace(PORT_STYLES[port], colour=colour))


def _row(*cells: str) -> str:
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"><TR>'
        + "".join(f"<TD>{cell}</TD>" for cell in cells)
        + "</TR></TABLE>"
    )
