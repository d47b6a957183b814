"""What the page says about each drawn node: what it is, what it reads and who reads it.

Owns the choice of facts and their order. Knows nothing of HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.export.dot import drawn_node
from acdc_custom.export.selection import DrawnPart
from acdc_custom.graph import LOGITS, Port, Receiver, Sender, Stage

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
    """One node. `reads` and `is_read` are strongest first and may be cut: `n_reads`, `n_is_read` are all."""

    node: str
    label: str
    about: str
    reads: tuple[Connection, ...]
    n_reads: int
    is_read: tuple[Connection, ...]
    n_is_read: int
    is_head: bool


def panels(selection: DrawnPart) -> Iterator[Panel]:
    """One panel for everything in the picture that can be clicked, from the embedding to the logits."""
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


def receiver_label(receiver: Receiver) -> str:
    """The node of a receiver as people read it: `L1H0`, `L1 kv0`, `MLP 3`, `logits`."""
    if receiver == LOGITS:
        return "logits"
    if receiver.grouped:
        return f"L{receiver.layer} kv{receiver.head}"
    return Sender(receiver.layer, receiver.stage, receiver.head).label


def _panel(
    node: str, label: str, about: str, into: Iterable[KeptEdge], out: Iterable[KeptEdge], is_head: bool
) -> Panel:
    reads = [
        Connection(str(k.edge.sender), k.edge.sender.label, INPUTS[k.edge.receiver.port], k.effect)
        for k in _strongest(into)
    ]
    is_read = [
        Connection(drawn_node(k.edge.receiver), receiver_label(k.edge.receiver), INPUTS[k.edge.receiver.port], k.effect)
        for k in _strongest(out)
    ]
    return Panel(
        node, label, about, tuple(reads[:MOST_ROWS]), len(reads), tuple(is_read[:MOST_ROWS]), len(is_read), is_head
    )


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
