"""Where everything stands in the picture of a circuit in positions: a column for each span, layers from bottom to top.

Owns the layout, in points, and nothing of how it looks. In a column stand the nodes that write at its span, and those
that read there. A layer has a row of the places where its heads read keys and values, above it the heads, and above
them its MLP. Within a column the residual stream leads upwards: an edge to the next row leads straight there, a longer
one through a lane of its own at the side of the column. Attention leads from the column in which a head reads keys and
values to those in which it writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.export.selection import DrawnPart
from acdc_custom.graph import EMBED, LOGITS, Port, Receiver, Sender, Stage

Point = tuple[float, float]

HEIGHTS = {"read": 14.0, "head": 40.0, "mlp": 26.0, "end": 24.0}
WIDTHS = {"read": 60.0, "head": 50.0, "mlp": 54.0, "end": 64.0}
BETWEEN = 8.0  # nodes of a row
ABOVE = {"read": 46.0, "head": 34.0, "mlp": 38.0, "end": 40.0}  # free room over a row of this kind
LANE = 5.0
SIDE = 10.0  # of a column, beside its lanes
NARROW = 46.0  # a column without nodes
LETTER = 6.2  # how wide a letter is, on average
TURN = 16.0  # how high a line takes to get into its lane


@dataclass(frozen=True)
class DrawnPlace:
    """A node of the picture, the middle of which stands at `x`, `y`."""

    name: str
    kind: str  # as in `HEIGHTS`
    node: Sender | None  # of the circuit; None: the logits, or a place where keys and values are read
    receiver: Receiver | None  # one of those that read there, of such a place
    x: float
    y: float

    @property
    def top(self) -> float:
        """Where edges leave."""
        return self.y + HEIGHTS[self.kind] / 2

    @property
    def bottom(self) -> float:
        """Where edges arrive."""
        return self.y - HEIGHTS[self.kind] / 2


@dataclass(frozen=True)
class Column:
    """A span: from `left` to `right`."""

    span: str
    example: str
    left: float
    right: float


@dataclass(frozen=True)
class Line:
    """A kept edge on its way, as the points of cubic curves; the last is where it arrives."""

    kept: KeptEdge
    sender: str  # the names of places
    receiver: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Look:
    """Attention of one head: from where it reads keys, values or both to where it writes."""

    source: str
    head: str
    ports: frozenset[Port]
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layer:
    """The label of a row, and the height at which it stands."""

    label: str
    y: float


@dataclass(frozen=True)
class Columns:
    """The whole layout."""

    columns: tuple[Column, ...]
    places: tuple[DrawnPlace, ...]
    lines: tuple[Line, ...]
    looks: tuple[Look, ...]
    layers: tuple[Layer, ...]
    height: float


@dataclass
class _Row:
    """Nodes at one height, by column; a node is known by its name."""

    kind: str
    label: str
    members: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    y: float = 0.0


@dataclass(frozen=True)
class _Member:
    name: str
    kind: str
    row: tuple[int, int]  # layer and place within it, from bottom to top
    span: str
    node: Sender | None
    receiver: Receiver | None = None


def read_name(receiver: Receiver) -> str:
    """Of the place where keys and values are read: `a8.h6.kv`, or of several heads `a8.kv2`."""
    return f"a{receiver.layer}.kv{receiver.head}" if receiver.grouped else f"a{receiver.layer}.h{receiver.head}.kv"


def lay_out(selection: DrawnPart) -> Columns:
    """The layout of the drawn part of a circuit in positions."""
    members = _members(selection)
    rows = _rows(members.values())
    long, sides = _lanes(selection, members, rows)
    columns, centres = _columns(selection, rows, sides)
    places = {}
    for row in rows:
        for span, names in row.members.items():
            step = WIDTHS[row.kind] + BETWEEN
            first = centres[span] - step * (len(names) - 1) / 2
            for number, name in enumerate(names):
                member = members[name]
                place = DrawnPlace(name, row.kind, member.node, member.receiver, first + step * number, row.y)
                places[name] = place
    by_span = {column.span: column for column in columns}
    lines = [_line(kept, places, by_span, long.get(place)) for place, kept in enumerate(selection.edges)]
    top = max((row.y + HEIGHTS[row.kind] / 2 for row in rows), default=0.0)
    labels = tuple(Layer(row.label, row.y) for row in rows if row.label)
    return Columns(columns, tuple(places.values()), tuple(lines), tuple(_looks(selection, places)), labels, top)


def sender_name(kept: KeptEdge) -> str:
    """The name of the place from which an edge leads."""
    return f"{kept.edge.sender}@{kept.edge.span}"


def receiver_name(kept: KeptEdge) -> str:
    """The name of the place to which an edge leads."""
    receiver, span = kept.edge.receiver, kept.edge.span
    if receiver == LOGITS:
        return "logits"
    if receiver.port in (Port.K, Port.V):
        return f"{read_name(receiver)}@{span}"
    return f"{Sender(receiver.layer, receiver.stage, receiver.head)}@{span}"


def _members(selection: DrawnPart) -> dict[str, _Member]:
    """Every node of the picture, by name."""
    found: dict[str, _Member] = {}
    for kept in selection.edges:
        span = kept.edge.span
        nodes = [kept.edge.sender]
        receiver = kept.edge.receiver
        if receiver.stage is Stage.MLP or receiver.port is Port.Q:
            nodes.append(Sender(receiver.layer, receiver.stage, receiver.head))
        for node in nodes:
            kind, row = {
                Stage.EMBED: ("end", (-1, 0)),
                Stage.HEAD: ("head", (node.layer, 1)),
                Stage.MLP: ("mlp", (node.layer, 2)),
            }[node.stage]
            found[f"{node}@{span}"] = _Member(f"{node}@{span}", kind, row, span, node)
        if receiver.port in (Port.K, Port.V):
            name = receiver_name(kept)
            found[name] = _Member(name, "read", (receiver.layer, 0), span, None, receiver)
        if receiver == LOGITS:
            layer = selection.circuit.shape.n_layers
            found["logits"] = _Member("logits", "end", (layer, 0), span, None, receiver)
    return found


def _rows(members: Iterable[_Member]) -> list[_Row]:
    """From bottom to top; the label of a layer stands at its heads, or at its MLP."""
    rows: dict[tuple[int, int], _Row] = {}
    ordered = sorted(members, key=lambda m: (m.row, m.span, m.node or EMBED, m.receiver or LOGITS))
    for member in ordered:
        rows.setdefault(member.row, _Row(member.kind, "")).members[member.span].append(member.name)
    y = 0.0
    for row in rows.values():
        row.y = y + HEIGHTS[row.kind] / 2
        y += HEIGHTS[row.kind] + ABOVE[row.kind]
    for layer in {layer for (layer, _), row in rows.items() if row.kind != "end"}:
        own = [row for (of_layer, _), row in rows.items() if of_layer == layer]
        labelled = next((row for row in own if row.kind == "head"), own[-1])
        labelled.label = f"layer {layer}"
    return list(rows.values())


def _lanes(
    selection: DrawnPart, members: dict[str, _Member], rows: Sequence[_Row]
) -> tuple[dict[int, tuple[int, int]], dict[tuple[str, int], int]]:
    """The side (-1 left, 1 right) and the lane of every edge that is not to the next row of its column, by its place in
    the selection; and how many lanes each side of a column has.

    Edges whose ways do not meet share a lane; the shorter ones run nearer to the nodes.
    """
    number = {name: place for place, row in enumerate(rows) for names in row.members.values() for name in names}
    place_in = {name: (i, len(n)) for row in rows for n in row.members.values() for i, name in enumerate(n)}
    free: dict[tuple[str, int], list[list[tuple[int, int]]]] = defaultdict(list)
    chosen: dict[int, tuple[int, int]] = {}
    spans = [
        (number[receiver_name(kept)] - number[sender_name(kept)], place) for place, kept in enumerate(selection.edges)
    ]
    for _, place in sorted(spans):
        kept = selection.edges[place]
        low, high = number[sender_name(kept)], number[receiver_name(kept)]
        span = kept.edge.span
        if not any(rows[between].members.get(span) for between in range(low + 1, high)):
            continue
        which, of = place_in[receiver_name(kept)]
        other, of_other = place_in[sender_name(kept)]
        at = (which + 0.5) / of + (other + 0.5) / of_other - 1
        counts = {side: len(free[span, side]) for side in (-1, 1)}
        side = (-1 if at < 0 else 1) if abs(at) > 0.01 else min(counts, key=lambda s: counts[s])
        lanes = free[span, side]
        lane = next(
            (n for n, taken in enumerate(lanes) if all(high <= start or end <= low for start, end in taken)), len(lanes)
        )
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((low, high))
        chosen[place] = side, lane
    return chosen, {key: len(lanes) for key, lanes in free.items()}


def _columns(
    selection: DrawnPart, rows: Sequence[_Row], sides: dict[tuple[str, int], int]
) -> tuple[tuple[Column, ...], dict[str, float]]:
    """All spans from left to right, and where the middle of each one's nodes is."""
    columns, centres, left = [], {}, 0.0
    for span in selection.circuit.spans:
        inner = max(
            (len(row.members[span.name]) * (WIDTHS[row.kind] + BETWEEN) for row in rows if row.members.get(span.name)),
            default=0.0,
        )
        lanes = [SIDE + LANE * (sides.get((span.name, side), 0)) for side in (-1, 1)]
        own = lanes[0] + inner + lanes[1] if inner else NARROW
        longest = max((len(word) for word in [span.name, *span.example.split()]), default=0)
        wide = max(own, longest * LETTER + 10)
        centres[span.name] = left + (wide - own) / 2 + lanes[0] + inner / 2 if inner else left + wide / 2
        columns.append(Column(span.name, span.example, left, left + wide))
        left += wide + 4
    return tuple(columns), centres


def _line(
    kept: KeptEdge, places: dict[str, DrawnPlace], columns: dict[str, Column], lane: tuple[int, int] | None
) -> Line:
    sender, receiver = places[sender_name(kept)], places[receiver_name(kept)]
    x, y = sender.x, sender.top
    to_x, to_y = receiver.x + port_shift(kept.edge.receiver), receiver.bottom
    if lane is None:
        half = (to_y - y) / 2
        points = [(x, y), (x, y + half), (to_x, to_y - half), (to_x, to_y)]
    else:
        side, number = lane
        column = columns[kept.edge.span]
        nodes = [p for p in places.values() if p.name.endswith(f"@{kept.edge.span}") or p.name == "logits"]
        inside = [p.x + side * WIDTHS[p.kind] / 2 for p in nodes if column.left <= p.x <= column.right]
        edge = (max(inside) if side > 0 else min(inside)) + side * (LANE + LANE * number)
        points = [(x, y), (x, y + TURN), (edge, y), (edge, y + 2 * TURN)]
        points += [(edge, y + 2 * TURN), (edge, to_y - 2 * TURN), (edge, to_y - 2 * TURN)]
        points += [(edge, to_y), (to_x, to_y - TURN), (to_x, to_y)]
    return Line(kept, sender.name, receiver.name, tuple(points))


def port_shift(receiver: Receiver) -> float:
    """How far from the middle of a place an input's cell is."""
    return {Port.K: -21.0, Port.V: -7.0}.get(receiver.port, 0.0)


def _looks(selection: DrawnPart, places: dict[str, DrawnPlace]) -> Iterable[Look]:
    """From every place where keys and values are read to the heads that write at that span or later."""
    order = {span.name: number for number, span in enumerate(selection.circuit.spans)}
    ports: dict[str, set[Port]] = defaultdict(set)
    for kept in selection.edges:
        if kept.edge.receiver.port in (Port.K, Port.V):
            ports[receiver_name(kept)].add(kept.edge.receiver.port)
    for name, own in ports.items():
        source = places[name]
        assert source.receiver is not None
        heads = {str(head) for head in selection.circuit.graph.nodes_of(source.receiver)}
        reading = [p for p in places.values() if p.kind == "head" and p.name.partition("@")[0] in heads]
        at = order[name.partition("@")[2]]
        after = [p for p in reading if order[p.name.partition("@")[2]] >= at] or reading
        for head in after:
            x, y = source.x + 14, source.top
            height = head.bottom - y
            points = ((x, y), (x, y + height * 0.6), (head.x, head.bottom - height * 0.6), (head.x, head.bottom))
            yield Look(name, head.name, frozenset(own), points)
