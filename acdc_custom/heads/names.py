"""Heads, senders and receivers by the names that people give them: a circuit's heads, `heads`, `a9.h6,a9.h9`.

Owns lists of names; one name is read by `graph.py`. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.graph import LOGITS, Graph, Receiver, Sender, Stage

HEADS, NODES = "heads", "nodes"  # senders by kind: all heads; all heads, MLPs and the embedding


def circuit_heads(circuit: Circuit) -> list[Sender]:
    """The attention heads of a circuit: those with a kept outgoing edge."""
    return [node for node in circuit.nodes if node.stage is Stage.HEAD]


def parse_receivers(text: str) -> list[Receiver]:
    """Names such as `a9.h6.q,a9.h9.q`. Raises `UsageError`."""
    return [Receiver.read(name) for name in text.split(",")]


def parse_senders(text: str, graph: Graph, receivers: Sequence[Receiver], among: Sequence[Sender] = ()) -> list[Sender]:
    """`heads`, `nodes`, or names such as `a9.h6,m3`; the kinds stand for all that come before a receiver.

    With `among`, the kinds stand for those only. Raises `UsageError`.
    """
    if text not in (HEADS, NODES):
        return [Sender.read(name) for name in text.split(",")]
    before = coming_before(graph, list(among) or graph.senders, receivers)
    return [sender for sender in before if text == NODES or sender.stage is Stage.HEAD]


def coming_before(graph: Graph, senders: Sequence[Sender], receivers: Sequence[Receiver]) -> list[Sender]:
    """Those of the senders that come before at least one of the receivers."""
    before = max(graph.n_senders_before(receiver) for receiver in receivers)
    return [sender for sender in senders if graph.index[sender] < before]


def check_paths(graph: Graph, senders: Sequence[Sender], receivers: Sequence[Receiver]) -> None:
    """Raises `UsageError` unless all are in the model and each sender comes before a receiver."""
    if not receivers or not senders:
        raise UsageError("path patching needs a sender and a receiver at least.")
    for sender in senders:
        if sender not in graph.index:
            raise UsageError(f"there is no {sender} ({sender.label}) in this model: it has {_described(graph)}.")
    for receiver in receivers:
        if receiver not in graph.receivers:
            hint = " Query heads share keys and values here: a9.kv1.k, a9.kv1.v." if graph.shape.grouped else ""
            raise UsageError(f"there is no {receiver} in this model: it has {_described(graph)}.{hint}")
    if LOGITS in receivers and len(set(receivers)) > 1:
        raise UsageError("the logits come after every other receiver: patch the paths to them by themselves.")
    late = sorted(set(senders) - set(coming_before(graph, senders, receivers)))
    if late:
        raise UsageError(f"{late[0]} does not come before {receivers[0]}: no path leads from it to there.")


def _described(graph: Graph) -> str:
    shape = graph.shape
    groups = f" in {shape.n_kv_heads} groups" if shape.grouped else ""
    return f"{shape.n_layers} layers of {shape.n_heads} heads{groups}, counted from 0"
