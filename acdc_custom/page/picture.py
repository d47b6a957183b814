"""The circuit's picture as part of a page: Graphviz's SVG, made to be clicked, focused and coloured by the page.

Owns what the page's script finds in it: a node's element has `data-node`, an edge's has `data-sender` and
`data-receiver`, names as in the picture, and `data-edge`, `data-effect` and `data-said`, a sentence. Nothing is added
that could run or load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from acdc_custom.export.caption import title
from acdc_custom.export.columns_dot import bare_columns_dot
from acdc_custom.export.dot import edge_id, to_bare_dot
from acdc_custom.export.paint import Paint
from acdc_custom.export.picture import Format, render
from acdc_custom.export.selection import DrawnPart
from acdc_custom.graph import Edge
from acdc_custom.page.panels import INPUTS, drawn_receiver, drawn_sender, receiver_label

XLINK_TITLE = "{http://www.w3.org/1999/xlink}title"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def inline_svg(
    selection: DrawnPart,
    name: str = "",
    paint: Paint | None = None,
    steps: Mapping[Edge, Sequence[int]] | None = None,
    here: int = 0,
) -> str:
    """The drawn part of a circuit as an `<svg>` element for an HTML page.

    `name` is what it is called, by default the circuit's title. `steps` are the places of the circuits that have an
    edge, where there are several: `data-steps`. Edges that are not in the one that is `here` are not seen. Raises
    `ResultError` without a Graphviz.
    """
    bare = bare_columns_dot if selection.circuit.in_positions else to_bare_dot
    root = ElementTree.fromstring(render(bare(selection, paint), Format.SVG))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop(SPACE, None)
    edges = {edge_id(kept.edge): kept for kept in selection.edges}
    for group in root.iter("g"):
        tip = _unwrap(group)
        match group.get("class"):
            case "node":
                _node(group, tip)
            case "edge" if kept := edges.get(group.get("id", "")):
                _edge(group, tip, drawn_sender(kept), drawn_receiver(kept))
                group.set("data-edge", str(kept.edge))
                group.set("data-effect", repr(kept.effect))
                group.set("data-said", _sentence(kept.edge, tip))
                if steps is not None:
                    group.set("data-steps", " ".join(map(str, steps[kept.edge])))
                    group.set("class", "edge" if here in steps[kept.edge] else "edge gone")
            case "edge":  # from what heads share, or where they read, to the heads: no edge of the circuit
                sender, _, receiver = _text_of(group, "title").partition("->")
                if tip and not sender.startswith("bottom "):  # the ground of a column
                    _edge(group, tip, sender, receiver)
                    group.set("data-link", "")
            case "graph":
                _drop(group, "title")
    return ElementTree.tostring(_framed(root, name or title(selection.circuit)), encoding="unicode")


def to_look_at(svg: str) -> str:
    """The same picture where nothing can be chosen, or pointed at: beside another one that can."""
    root = ElementTree.fromstring(svg)
    for element in list(root.iter()):
        for hit in element.findall("path[@class='hit']"):
            element.remove(hit)
        for name in [name for name in element.attrib if name.startswith("data-") or name in ("role", "tabindex")]:
            del element.attrib[name]
    root.set("class", "plain-circuit")
    root.set("role", "img")
    return ElementTree.tostring(root, encoding="unicode")


def _framed(root: Element, name: str) -> Element:
    _, _, width, height = root.attrib["viewBox"].split()
    frame = Element(
        "svg",
        {
            "class": "circuit",
            "role": "group",
            "aria-label": f"{name}: nodes and the edges between them",
            "viewBox": root.attrib["viewBox"],
            "data-width": width,
            "data-height": height,
        },
    )
    frame.extend(list(root))
    return frame


def _unwrap(group: Element) -> str:
    """Take Graphviz's `<g><a title>` out from around what a group draws; gives the tooltip."""
    tip = ""
    for inner in list(group):
        link = inner.find("a") if inner.tag == "g" and inner.get("id", "").startswith("a_") else None
        if link is not None:
            tip = link.get(XLINK_TITLE, "").strip()
            place = list(group).index(inner)
            group.remove(inner)
            for offset, mark in enumerate(list(link)):
                group.insert(place + offset, mark)
    return tip


def _node(group: Element, tip: str) -> None:
    name = _text_of(group, "title")
    _drop(group, "title")
    group.attrib.pop("id", None)
    if not tip or name.startswith("span "):  # the label of a row, or of a column
        group.set("class", "row")
        return
    group.set("data-node", name)
    group.set("role", "button")
    group.set("tabindex", "-1")
    group.set("aria-label", tip)
    _tip(group, tip)


def _edge(group: Element, tip: str, sender: str, receiver: str) -> None:
    _drop(group, "title")
    group.attrib.pop("id", None)
    group.set("data-sender", sender)
    group.set("data-receiver", receiver)
    _tip(group, tip)
    if (path := group.find("path")) is not None:
        # Thin lines are hard to point at.
        group.append(Element("path", {"class": "hit", "d": path.attrib["d"]}))


def _sentence(edge: Edge, tip: str) -> str:
    """`L1H0 → L3H2, its query: effect 0.12 nats`."""
    reads = INPUTS[edge.receiver.port]
    into = receiver_label(edge.receiver) + (f", its {reads}" if reads else "")
    at = f" at {edge.span}" if edge.span else ""
    return f"{edge.sender.label} → {into}{at}: {tip.rpartition(': ')[2]}"


def _tip(group: Element, tip: str) -> None:
    title = SubElement(group, "title")
    title.text = tip
    group.remove(title)
    group.insert(0, title)


def _text_of(group: Element, tag: str) -> str:
    return group.findtext(tag, "")


def _drop(group: Element, tag: str) -> None:
    for found in group.findall(tag):
        group.remove(found)
