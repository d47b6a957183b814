"""The picture of a circuit in positions as DOT, in which everything has its place already (`columns.py`).

Owns which DOT that is: Graphviz draws it with its engine `nop2`, which moves nothing. Below the columns stand the names
of the spans and an example prompt, at the left the layers, on top the caption.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from graphviz import Digraph

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.export.caption import block_html, facts, legend_html, note_html, sample_html, title
from acdc_custom.export.columns import HEIGHTS, LETTER, WIDTHS, Column, Columns, DrawnPlace, Line, Look, Point, lay_out
from acdc_custom.export.dot import edge_look
from acdc_custom.export.paint import Paint, RolePaint
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.export.style import FONT, GREY, INK, PORT_STYLES, Badge, escape, font, line_html
from acdc_custom.graph import Place, Port, Receiver, Sender, Stage
from acdc_custom.heads.table import HeadTable

ENGINE = "nop2"
TINTS = ("#eef2f7", "#f7f7f4")  # of columns, by turns
LOOK = "#8a6fb0"  # attention from span to span
UNUSED, UNREAD = "#b0b0b0", "#f4f4f4"  # the letter of an input that is not read, and its cell
BELOW = 16.0  # from the embeddings down to the names of the spans
LEFT = 70.0  # of the columns, for the names of layers
CAPTION = 720.0  # how wide
ROW = 26  # of a legend, how high
ELSEWHERE = "(in other prompts)"  # where the example lacks a span
ATTENTION = (
    "Columns are spans of the prompt, with an example below. Attention leads from where a head reads keys (k) and "
    "values (v) to where it writes; everything else stays in its column, the residual stream of its tokens."
)


def to_column_dot(circuit: Circuit, max_edges: int | None = None, heads: HeadTable | None = None) -> str:
    """The picture of a circuit in positions as DOT text, as `to_dot` of one without."""
    selection = select(circuit, max_edges, heads)
    return columns_dot(selection, RolePaint(selection), title(circuit), facts(selection))


def columns_dot(
    selection: DrawnPart, paint: Paint, heading: str, said: Sequence[str], legend_rows: Sequence[str] = ()
) -> str:
    """The same of a part of a circuit, in these colours, under a heading and these lines of plain text; `legend_rows`
    are added to the legend."""
    legend = legend_html(selection, _looks(), note_html(ATTENTION), *legend_rows, samples=_samples(selection, paint))
    height = 174 + ROW * len(legend_rows) if selection.edges else 30
    return captioned_columns_dot(
        selection, paint, heading, said, legend, height + ROW * -(-len(selection.head_rows) // 4)
    )


def captioned_columns_dot(
    selection: DrawnPart, paint: Paint, heading: str, said: Sequence[str], legend: str, legend_height: float
) -> str:
    """The same with a legend of one's own, which is HTML-like, so high in points."""
    layout = lay_out(selection)
    picture = _digraph(selection, layout, paint, "white")
    lines = [line for text in said for line in textwrap.wrap(text, 106, max_lines=4)]
    height = 30 + 15 * len(lines) + legend_height
    at = (CAPTION / 2 - LEFT, layout.height + 30 + height / 2)
    _node(picture, "caption", block_html(heading, said, legend), at)
    return str(picture.source)


def columns_key(selection: DrawnPart, paint: Paint) -> list[str]:
    """Rows of a legend: what stands in the columns, and the attention between them."""
    return ["".join(sample_html(*sample) for sample in _samples(selection, paint)), _looks(), note_html(ATTENTION)]


def bare_columns_dot(selection: DrawnPart, paint: Paint | None = None) -> str:
    """The picture without caption, legend and background: for a page that has its own."""
    return str(_digraph(selection, lay_out(selection), paint or RolePaint(selection), "transparent").source)


def _digraph(selection: DrawnPart, layout: Columns, paint: Paint, background: str) -> Digraph:
    picture = Digraph(
        "circuit",
        graph_attr={
            "charset": "UTF-8",
            "layout": ENGINE,
            "outputorder": "edgesfirst",
            "pad": "0.2",
            "bgcolor": background,
            "fontname": FONT,
            "tooltip": " ",
        },
        node_attr={"shape": "plain", "fontname": FONT},
        edge_attr={"fontname": FONT},
    )
    for number, column in enumerate(layout.columns):
        _add_column(picture, layout, column, number)
    for layer in layout.layers:
        _node(picture, f"at {layer.label}", _text(layer.label, 12), (-LEFT / 2, layer.y))
    for look in layout.looks:
        _add_look(picture, look)
    largest = max((kept.strength for kept in selection.edges), default=0.0)
    # The strongest are drawn last, on top.
    for line in sorted(layout.lines, key=lambda line: (line.kept.strength, line.kept.edge)):
        _add_line(picture, line, largest, paint)
    for place in layout.places:
        _add_place(picture, selection, place, paint)
    return picture


def _node(picture: Digraph, name: str, html: str, at: Point, tooltip: str = " ") -> None:
    picture.node(name, label=f"<{html}>", pos=_point(at), tooltip=tooltip)


def _add_column(picture: Digraph, layout: Columns, column: Column, number: int) -> None:
    """Its ground, the name of its span, and the example."""
    middle, wide = (column.left + column.right) / 2, column.right - column.left
    ends = (middle, -BELOW / 2), (middle, layout.height + BELOW / 2)
    for name, at in zip(("bottom", "top"), ends, strict=True):
        picture.node(f"{name} {number}", label="", shape="point", width="0.01", style="invis", pos=_point(at))
    low, high = ends[0][1], ends[1][1]
    way = ((middle, low), (middle, (2 * low + high) / 3), (middle, (low + 2 * high) / 3), (middle, high))
    picture.edge(
        f"bottom {number}",
        f"top {number}",
        pos=_way(way),
        color=TINTS[number % 2],
        penwidth=f"{wide:.1f}",
        arrowhead="none",
        tooltip=column.span,
    )
    words = textwrap.wrap(column.example or ELSEWHERE, max(8, int(wide / LETTER)), break_long_words=False)
    texts = [f"<B>{escape(column.span)}</B>", *map(escape, words)]
    rows = "".join(
        f"<TR><TD>{font(text, 10 if place else 11, GREY if place else INK)}</TD></TR>"
        for place, text in enumerate(texts)
    )
    html = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'
    _node(picture, f"span {number}", html, (middle, -BELOW - 8.5 * len(texts)), escape(column.span))


def _looks() -> str:
    """The violet lines, for the legend."""
    meanings = {Port.IN: "attention, to v or to k and v", Port.K: "attention, to k alone"}
    return "".join(
        sample_html(line_html(replace(PORT_STYLES[port], colour=LOOK), 2), words) for port, words in meanings.items()
    )


def _add_look(picture: Digraph, look: Look) -> None:
    what = {frozenset({Port.K}): "keys", frozenset({Port.V}): "values"}.get(look.ports, "keys and values")
    head, _, at = look.head.partition("@")
    picture.edge(
        look.source,
        look.head,
        pos=_way(look.points),
        color=LOOK,
        style="dashed" if Port.V not in look.ports else "solid",
        penwidth="1.6",
        arrowhead="none",
        tooltip=f"{escape(head)} at {escape(at)} attends: {what} at {escape(look.source.partition('@')[2])}",
    )


def _add_line(picture: Digraph, line: Line, largest: float, paint: Paint) -> None:
    way = _way(_shortened(line.points), line.points[-1])
    picture.edge(line.sender, line.receiver, pos=way, **edge_look(line.kept, largest, paint))


def _add_place(picture: Digraph, selection: DrawnPart, place: DrawnPlace, paint: Paint) -> None:
    into = [kept for kept in selection.edges if _is_into(kept.edge.receiver, place) and _at(place, kept.edge.span)]
    out = [kept for kept in selection.edges if kept.edge.sender == place.node and _at(place, kept.edge.span)]
    name, _, span = place.name.partition("@")
    label, notes, badge = name, [], None
    if place.node is not None:
        label, at = place.node.label, Place(place.node, span)
        badge, notes = None if place.kind == "end" else paint.badge(at), paint.node_notes(at)
    elif place.kind == "read" and place.receiver is not None:
        receiver = place.receiver
        head = f"kv{receiver.head}" if receiver.grouped else Sender(receiver.layer, Stage.HEAD, receiver.head).label
        ports = {kept.edge.receiver.port for kept in into}
        tip = f"{head} reads {' and '.join(sorted(ports))} at {span}: {len(into)} edges"
        _node(picture, place.name, _read_html(head, ports, paint), (place.x, place.y), escape(tip))
        return
    tip = f"{label} at {span or 'END'}: {len(into)} edges in, {len(out)} out"
    tip += "".join(f"&#10;{escape(line)}" for line in notes)
    query = paint.cell(Port.Q) if any(kept.edge.receiver.port is Port.Q for kept in into) else ""
    _node(picture, place.name, _box_html(label, place.kind, badge, query), (place.x, place.y), tip)


def _at(place: DrawnPlace, span: str) -> bool:
    return place.name == "logits" or place.name.partition("@")[2] == span


def _is_into(receiver: Receiver, place: DrawnPlace) -> bool:
    if place.receiver is not None:
        own = place.receiver
        same = (receiver.layer, receiver.stage, receiver.head) == (own.layer, own.stage, own.head)
        return same and receiver.port is not Port.Q
    return receiver.port in (Port.Q, Port.IN) and Sender(receiver.layer, receiver.stage, receiver.head) == place.node


def _samples(selection: DrawnPart, paint: Paint) -> list[tuple[str, str]]:
    """For the legend: nodes and what they mean."""
    shape = selection.circuit.shape
    samples = [(_box_html("L3H5", "head", None, paint.cell(Port.Q)), "head 5 of layer 3, where it writes")]
    shared = "kv1" if shape.grouped else "L3H5"
    samples.append((_read_html(shared, {Port.K, Port.V}, paint), "where it reads keys and values"))
    if shape.has_mlp:
        samples.append((_box_html("MLP 3", "mlp", None), "MLP of layer 3"))
    return [*samples, (_box_html("embed", "end", None), "input and output")]


def _box_html(label: str, kind: str, badge: Badge | None, query: str = "") -> str:
    """A node of a known size, so that lines end at its border; a head has a cell for its query, which stands on this
    colour if it is read."""
    fill, colour, style = "#ffffff", INK, ""
    if kind == "end":
        fill, colour = INK, "#ffffff"
    elif kind == "mlp":
        fill, style = "#ece7d8", ' STYLE="ROUNDED"'
    mark = ""
    if badge is not None:
        fill, mark = badge.fill, f"<BR/>{font(badge.mark, 8)}"
    wide, high = WIDTHS[kind] - 2, HEIGHTS[kind] - 2
    cell = ""
    if kind == "head":
        high -= 10
        ground, ink = (query, INK) if query else (UNREAD, UNUSED)
        cell = f'<TR><TD WIDTH="{wide}" HEIGHT="10" BGCOLOR="{ground}">{font("q", 8, ink)}</TD></TR>'
    return (
        f'<TABLE BORDER="1" COLOR="{INK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" BGCOLOR="{fill}"{style}>'
        f'<TR><TD WIDTH="{wide}" HEIGHT="{high}">{font(label, 11, colour)}{mark}</TD></TR>{cell}</TABLE>'
    )


def _read_html(label: str, ports: set[Port], paint: Paint) -> str:
    high = HEIGHTS["read"] - 2
    cells = "".join(
        f'<TD WIDTH="14" HEIGHT="{high}" BGCOLOR="{paint.cell(port) if port in ports else UNREAD}">'
        f"{font(port, 8, INK if port in ports else UNUSED)}</TD>"
        for port in (Port.K, Port.V)
    )
    return (
        f'<TABLE BORDER="1" COLOR="{LOOK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" BGCOLOR="#ffffff">'
        f'<TR>{cells}<TD WIDTH="28" HEIGHT="{high}">{font(label, 8, GREY)}</TD></TR></TABLE>'
    )


def _text(text: str, size: int) -> str:
    return font(escape(text), size, GREY)


def _point(at: Point) -> str:
    return f"{at[0]:.1f},{at[1]:.1f}"


def _way(points: tuple[Point, ...], end: Point | None = None) -> str:
    """Cubic curves; `end` is the tip of an arrow."""
    way = " ".join(map(_point, points))
    return way if end is None else f"e,{_point(end)} {way}"


def _shortened(points: tuple[Point, ...], by: float = 6.0) -> tuple[Point, ...]:
    """The same way up to where the arrow head begins."""
    x, y = points[-1]
    return (*points[:-1], (x, y - by))
