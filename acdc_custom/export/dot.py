"""A circuit as DOT, the language of Graphviz: layers from the embedding at the bottom to the logits on top.

Owns the layout; the package graphviz writes and quotes. A layer has one row of heads and above it one of MLPs; where
query heads share keys and values, the shared inputs have a row of their own below the heads. The same circuit gives the
same text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from graphviz import Digraph

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.export.caption import caption_html
from acdc_custom.export.paint import Paint, RolePaint
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.export.style import (
    FONT,
    GREY,
    PORT_STYLES,
    end_html,
    escape,
    font,
    head_html,
    mlp_html,
    shared_html,
    width,
)
from acdc_custom.graph import EMBED, LOGITS, Edge, Place, Port, Receiver, Sender, Stage
from acdc_custom.heads.table import HeadTable

MANY_ROWS = 30  # from here on rows move closer together
PATIENCE = 10  # turns of Graphviz's placement: usual pictures need fewer, and tangled ones gain nothing by more


@dataclass(frozen=True)
class NodeRow:
    """Nodes at one height. `label` stands at the left margin, `gap` below it names the layers that were skipped."""

    nodes: tuple[str, ...]
    label: str = ""
    gap: str = ""


def to_dot(circuit: Circuit, max_edges: int | None = None, heads: HeadTable | None = None) -> str:
    """The picture of a circuit as DOT text: its `max_edges` strongest edges, 300 by default.

    With a table of heads, these are coloured by role. Raises `UsageError` if `max_edges` is below 1.
    """
    selection = select(circuit, max_edges, heads)
    return captioned_dot(selection, RolePaint(selection), caption_html(selection))


def captioned_dot(selection: DrawnPart, paint: Paint, caption: str) -> str:
    """A picture under a caption, which is HTML-like: one that stands alone."""
    return _digraph(selection, paint, {"bgcolor": "white", "label": _html(caption)})


def to_bare_dot(selection: DrawnPart, paint: Paint | None = None) -> str:
    """The picture without caption, legend and background: for a page that has its own."""
    return _digraph(selection, paint or RolePaint(selection), {"bgcolor": "transparent"})


def _digraph(selection: DrawnPart, paint: Paint, attributes: dict[str, str]) -> str:
    rows = _rows(selection)
    picture = Digraph(
        "circuit",
        graph_attr={
            "charset": "UTF-8",
            "rankdir": "BT",
            "newrank": "true",
            "pad": "0.3",
            "nodesep": "0.14",
            "ranksep": "0.42" if len(rows) <= MANY_ROWS else "0.3",
            "nslimit": str(PATIENCE),
            "outputorder": "edgesfirst",
            "splines": "true",
            "fontname": FONT,
            "tooltip": " ",
            "labelloc": "t",
            "labeljust": "l",
            **attributes,
        },
        node_attr={"shape": "plain", "fontname": FONT},
        edge_attr={"fontname": FONT},
    )
    if selection.edges:
        _fill(picture, selection, paint, rows)
    else:
        picture.node("empty", label="", style="invis")
    return str(picture.source)


def _html(label: str) -> str:
    """Graphviz's way to say that a label is HTML-like."""
    return f"<{label}>"


def _fill(picture: Digraph, selection: DrawnPart, paint: Paint, rows: list[NodeRow]) -> None:
    names = [f"row{place}" for place in range(len(rows))]
    margin = 125 if any(row.gap for row in rows) else 60
    for name, row in zip(names, rows, strict=True):
        picture.node(name, label=_html(_margin(row, margin)), tooltip=" ", group="rows")
    for below, above in pairwise(names):
        picture.edge(below, above, style="invis", weight="1000")
    # In a cluster of its own, so that no edge runs through the labels.
    frame = {"label": "", "peripheries": "0", "margin": "0"}
    with picture.subgraph(name="cluster_circuit", graph_attr=frame) as cluster:
        _add_nodes(cluster, selection, paint)
    for name, row in zip(names, rows, strict=True):
        with picture.subgraph() as level:
            level.attr(rank="same")
            for member in (name, *row.nodes):
                level.node(member)
    _add_shared_links(picture, selection)
    largest = max(kept.strength for kept in selection.edges)
    # The strongest are drawn last, on top.
    for kept in sorted(selection.edges, key=lambda kept: (kept.strength, kept.edge)):
        _add_edge(picture, kept, largest, paint)


def _margin(row: NodeRow, points: int) -> str:
    """What stands at the left of a row: all of one width, so that they line up."""
    texts = [(row.label, 12), (row.gap, 9)]
    lines = "".join(f'<TR><TD ALIGN="LEFT">{font(text, size, GREY)}</TD></TR>' for text, size in texts if text)
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f'{lines}<TR><TD WIDTH="{points}" HEIGHT="1"></TD></TR></TABLE>'
    )


def _rows(selection: DrawnPart) -> list[NodeRow]:
    """Every row from bottom to top."""
    missing = "none shown" if not selection.is_whole else "none kept"
    rows = [NodeRow(("embed",))] if EMBED in selection.nodes else []
    n_layers = selection.circuit.shape.n_layers
    previous = -1
    for layer in selection.layers:
        gap = _gap(previous, layer, missing)
        heads = [str(n) for n in selection.nodes if n.layer == layer and n.stage is Stage.HEAD]
        mlps = [str(n) for n in selection.nodes if n.layer == layer and n.stage is Stage.MLP]
        shared = list(dict.fromkeys(_shared_name(r) for r in selection.shared if r.layer == layer))
        groups = [tuple(names) for names in (shared, heads, mlps) if names]
        labelled = 1 if shared else 0
        for place, names in enumerate(groups):
            rows.append(NodeRow(names, f"layer {layer}", gap) if place == labelled else NodeRow(names))
        previous = layer
    gap = _gap(previous, n_layers, missing)
    if selection.logits or gap:
        rows.append(NodeRow(("logits",) if selection.logits else (), gap=gap))
    return rows


def _gap(previous: int, layer: int, missing: str) -> str:
    first, last = previous + 1, layer - 1
    if first > last:
        return ""
    return f"layer {first}: {missing}" if first == last else f"layers {first} to {last}: {missing}"


def _add_nodes(cluster: Digraph, selection: DrawnPart, paint: Paint) -> None:
    into: dict[str, list[KeptEdge]] = defaultdict(list)
    out: dict[str, list[KeptEdge]] = defaultdict(list)
    for kept in selection.edges:
        into[drawn_node(kept.edge.receiver)].append(kept)
        out[str(kept.edge.sender)].append(kept)
    own = (Port.Q,) if selection.circuit.shape.grouped else (Port.Q, Port.K, Port.V)
    for node in selection.nodes:
        name = str(node)
        tip = f"{node.label}: {_count(out[name], 'edge out', paint)}; {_count(into[name], 'edge in', paint)}"
        match node.stage:
            case Stage.EMBED:
                label = end_html(node.label)
                tip = f"{node.label}: {_count(out[name], 'edge out', paint)}"
            case Stage.HEAD:
                label = head_html(node.label, own, _ports(into[name]), paint.badge(Place(node)))
            case _:
                label = mlp_html(node.label, paint.badge(Place(node)))
        tip += "".join(f"&#10;{escape(line)}" for line in paint.node_notes(Place(node)))
        cluster.node(name, label=_html(label), tooltip=tip)
    for name in dict.fromkeys(_shared_name(receiver) for receiver in selection.shared):
        receiver = next(r for r in selection.shared if _shared_name(r) == name)
        heads = ", ".join(head.label for head in selection.circuit.graph.nodes_of(receiver))
        tip = f"L{receiver.layer} kv{receiver.head}, shared by {heads}: {_count(into[name], 'edge in', paint)}"
        label = shared_html(f"kv{receiver.head}", _ports(into[name]))
        cluster.node(name, label=_html(label), tooltip=tip)
    if selection.logits:
        tip = f"logits: {_count(into['logits'], 'edge in', paint)}"
        cluster.node("logits", label=_html(end_html("logits")), tooltip=tip)


def _count(edges: list[KeptEdge], what: str, paint: Paint) -> str:
    """`2 edges in, the strongest 0.31 nats`."""
    noun, direction = what.split()
    if not edges:
        return f"no {noun} {direction}"
    strongest = paint.amount(max(edges, key=lambda kept: kept.strength).effect)
    return f"{len(edges)} {noun}{'s' * (len(edges) > 1)} {direction}, the strongest {strongest}"


def _ports(edges: Iterable[KeptEdge]) -> frozenset[Port]:
    return frozenset(kept.edge.receiver.port for kept in edges)


def _shared_name(receiver: Receiver) -> str:
    return f"a{receiver.layer}.kv{receiver.head}"


def drawn_node(receiver: Receiver) -> str:
    """The name of the picture's node in which an edge ends."""
    if receiver == LOGITS:
        return "logits"
    if receiver.grouped:
        return _shared_name(receiver)
    return str(Sender(receiver.layer, receiver.stage, receiver.head))


def _add_shared_links(picture: Digraph, selection: DrawnPart) -> None:
    """From each shared input to the heads that read through it: no edges of the circuit, so no arrow heads."""
    links = {(_shared_name(receiver), str(head)) for receiver, heads in selection.heads_of.items() for head in heads}
    for shared, head in sorted(links):
        picture.edge(
            shared,
            head,
            arrowhead="none",
            color=GREY,
            penwidth="0.8",
            weight="20",
            tooltip=f"{head} reads keys and values through {shared}",
        )


def edge_id(edge: Edge) -> str:
    """What the edge's element in the SVG is called: `a0.h1--a1.h0.q`, and in positions `a0.h1--a1.h0.q@S2`."""
    return f"{edge.sender}--{edge.receiver}" + (f"@{edge.span}" if edge.span else "")


def _add_edge(picture: Digraph, kept: KeptEdge, largest: float, paint: Paint) -> None:
    receiver = kept.edge.receiver
    port = f":{receiver.port}:s" if receiver.stage is Stage.HEAD else ""
    picture.edge(str(kept.edge.sender), drawn_node(receiver) + port, **edge_look(kept, largest, paint))


def edge_look(kept: KeptEdge, largest: float, paint: Paint) -> dict[str, str]:
    """How an edge is drawn, wherever it leads: the line and its arrow by the input and the effect, what it says."""
    style, wide = PORT_STYLES[kept.edge.receiver.port], width(kept.strength, largest)
    sender, _, receiver = str(kept.edge).partition(" -> ")
    return {
        "color": paint.colour(kept, largest),
        "style": style.line,
        "penwidth": str(wide),
        "arrowhead": style.arrow,
        "arrowsize": str(round(0.4 + 0.06 * wide, 2)),
        "tooltip": f"{escape(sender)} → {escape(receiver)}: {escape(paint.edge_note(kept))}",
        "id": edge_id(kept.edge),
    }
