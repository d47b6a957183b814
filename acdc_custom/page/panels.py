"""What the page says about each drawn node: what it is, what it reads and who reads it.

Owns the choice of facts and their order. Knows nothing of HTML.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.export.columns import lay_out, receiver_name, sender_name
from acdc_custom.export.dot import drawn_node
from acdc_custom.export.selection import DrawnPart
from acdc_custom.graph import LOGITS, Place, Port, Receiver, Sender, Stage

MOST_ROWS = 12  # edges of one direction; the rest are counted

INPUTS = {Port.Q: "query", Port.K: "key", Port.V: "value", Port.IN: ""}


@dataclass(frozen=True)
class Connection:
    """An edge, seen from one of its ends. `node` is the other end as the picture names it."""

    node: str
    label: str
    port: str  # query, key, value, or nothing
    effect: float


@dataclass(frozen=True)
class Panel:
    """One node, of a picture in positions at one span. `of` is the node without the span, if any: by that name other
    parts of the page know it. `reads` and `is_read` are strongest first and may be cut: `n_reads`, `n_is_read` are
    all."""

    node: str
    label: str
    about: str
    reads: tuple[Connection, ...]
    n_reads: int
    is_read: tuple[Connection, ...]
    n_is_read: int
    is_head: bool
    of: str
    span: str = ""


def panels(selection: DrawnPart) -> Iterator[Panel]:
    """One panel for everything in the picture that can be clicked, from the embedding to the logits."""
    if selection.circuit.in_positions:
        yield from _in_positions(selection)
        return
    edges = selection.circuit.edges
    for node in selection.nodes:
        own = set(selection.circuit.graph.inputs_of(node))
        yield _panel(
            str(node),
            node.label,
            _about(node),
            (kept for kept in edges if kept.edge.receiver in own),
            (kept for kept in edges if kept.edge.sender == node),
            node.stage is Stage.HEAD,
        )
    for name, receiver in {drawn_node(receiver): receiver for receiver in selection.shared}.items():
        heads = ", ".join(head.label for head in selection.circuit.graph.nodes_of(receiver))
        yield _panel(
            name,
            receiver_label(receiver),
            f"Keys and values of layer {receiver.layer} that these heads share: {heads}.",
            (kept for kept in edges if drawn_node(kept.edge.receiver) == name),
            (),
            False,
        )
    if selection.logits:
        into = (kept for kept in edges if kept.edge.receiver == LOGITS)
        yield _panel("logits", "logits", "The scores of all words that could come next.", into, (), False)


def _in_positions(selection: DrawnPart) -> Iterator[Panel]:
    """Of everything in the columns: nodes where they write, and places where keys and values are read."""
    into: dict[str, list[KeptEdge]] = defaultdict(list)
    out: dict[str, list[KeptEdge]] = defaultdict(list)
    for kept in selection.circuit.edges:
        into[receiver_name(kept)].append(kept)
        out[sender_name(kept)].append(kept)
    for place in lay_out(selection).places:
        _, _, span = place.name.partition("@")
        if place.node is not None:
            label, about, of = Place(place.node, span).label, _about(place.node), str(place.node)
        elif place.receiver is None or place.receiver == LOGITS:
            label, about, of = "logits", "The scores of all words that could come next.", "logits"
        else:
            heads = ", ".join(head.label for head in selection.circuit.graph.nodes_of(place.receiver))
            label, of = f"{receiver_label(place.receiver)}@{span}, keys and values", ""
            about = f"Where {heads} can read keys and values at {span}, from any later token."
        is_head = place.node is not None and place.node.stage is Stage.HEAD
        yield _panel(place.name, label, about, into[place.name], out[place.name], is_head, of, span)


def receiver_label(receiver: Receiver) -> str:
    """The node of a receiver as people read it: `L1H0`, `L1 kv0`, `MLP 3`, `logits`."""
    if receiver == LOGITS:
        return "logits"
    if receiver.grouped:
        return f"L{receiver.layer} kv{receiver.head}"
    return Sender(receiver.layer, receiver.stage, receiver.head).label


def _panel(
    node: str,
    label: str,
    about: str,
    into: Iterable[KeptEdge],
    out: Iterable[KeptEdge],
    is_head: bool,
    of: str = "",
    span: str = "",
) -> Panel:
    reads = [
        Connection(drawn_sender(k), Place(k.edge.sender, k.edge.span).label, INPUTS[k.edge.receiver.port], k.effect)
        for k in _strongest(into)
    ]
    is_read = [
        Connection(drawn_receiver(k), receiver_label(k.edge.receiver), INPUTS[k.edge.receiver.port], k.effect)
        for k in _strongest(out)
    ]
    return Panel(
        node,
        label,
        about,
        tuple(reads[:MOST_ROWS]),
        len(reads),
        tuple(is_read[:MOST_ROWS]),
        len(is_read),
        is_head,
        of or node,
        span,
    )


def drawn_sender(kept: KeptEdge) -> str:
    """The name of the picture's node from which an edge leads."""
    return sender_name(kept) if kept.edge.span else str(kept.edge.sender)


def drawn_receiver(kept: KeptEdge) -> str:
    """The name of the picture's node in which an edge ends."""
    return receiver_name(kept) if kept.edge.span else drawn_node(kept.edge.receiver)


def _strongest(edges: Iterable[KeptEdge]) -> list[KeptEdge]:
    return sorted(edges, key=lambda kept: (-kept.strength, kept.edge))


def _about(node: Sender) -> str:
    match node.stage:
        case Stage.EMBED:
            return "The embedding: which token stands where, before any layer has read it."
        case Stage.HEAD:
            return f"Attention head {node.head} of layer {node.layer}, both counted from 0."
        case _:
            return f"The MLP of layer {node.layer}, counted from 0."
