"""Heads, senders and receivers by the names that people give them: a circuit's heads, `heads`, `a9.h6,a9.h9@END`.

Owns lists of names; one name is read by `graph.py`. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.graph import LOGITS, Graph, Place, Reading, Receiver, Sender, Stage
from acdc_custom.task.spans import END

HEADS, NODES = "heads", "nodes"  # senders by kind: all heads; all heads, MLPs and the embedding


def circuit_heads(circuit: Circuit) -> list[Sender]:
    """The attention heads of a circuit: those with a kept outgoing edge."""
    return [node for node in circuit.nodes if node.stage is Stage.HEAD]


def circuit_places(circuit: Circuit) -> list[Place]:
    """The heads of a circuit; of one in positions, each at the spans at which it writes."""
    if not circuit.in_positions:
        return [Place(head) for head in circuit_heads(circuit)]
    return [Place(head, span) for head in circuit_heads(circuit) for span in circuit.written_at.get(head, ())]


def places_there(places: Sequence[Place], spans: Collection[str]) -> list[Place]:
    """Those of a circuit's places whose spans some prompts have. Raises `UsageError` if there are none.

    A span that these prompts lack is no error: nothing of the circuit happens there.
    """
    there = [place for place in places if place.span in ("", *spans)]
    if places and not there:
        lacked = ", ".join(dict.fromkeys(place.span for place in places))
        raise UsageError(
            f"the circuit has heads at {lacked}, and no prompt has such a span. These prompts have: {', '.join(spans)}."
        )
    return there


def parse_receivers(text: str) -> list[Reading]:
    """Names such as `a9.h6.q@END,a9.h9.q`. Raises `UsageError`."""
    return [Reading.read(name) for name in text.split(",")]


def parse_senders(
    text: str, graph: Graph, receivers: Sequence[Receiver | Reading], among: Sequence[Sender | Place] = ()
) -> list[Place]:
    """`heads`, `nodes`, or names such as `a9.h6@S2,m3`; the kinds stand for all that come before a receiver.

    With `among`, the kinds stand for those only. `heads@S2` are the heads at one span. Raises `UsageError`.
    """
    found: list[Place] = []
    for name in text.split(","):
        kind, at, span = (part.strip() for part in name.partition("@"))
        if kind not in (HEADS, NODES):
            found.append(Place.read(name))
        elif at and not span:
            raise UsageError(f'"{name.strip()}" names no span after its @. Write it as {kind}@END.')
        else:
            found += _of_kind(kind, span, graph, receivers, [Place.of(sender) for sender in among or graph.senders])
    return found


def _of_kind(
    kind: str, span: str, graph: Graph, receivers: Sequence[Receiver | Reading], among: Sequence[Place]
) -> list[Place]:
    """All of a kind that come before a receiver: at this span, or, without one, where `among` has them."""
    for place in among:
        _check_sender(graph, place.node)
    places = [Place(place.node, span) for place in among if place.span in ("", span)] if span else among
    if not places:
        there = ", ".join(dict.fromkeys(place.span for place in among))
        raise UsageError(f"{kind}@{span}: this circuit has no heads at {span}; it has some at {there}.")
    before = set(coming_before(graph, [place.node for place in places], [Reading.of(r).receiver for r in receivers]))
    return [place for place in places if place.node in before and (kind == NODES or place.node.stage is Stage.HEAD)]


def coming_before(graph: Graph, senders: Sequence[Sender], receivers: Sequence[Receiver]) -> list[Sender]:
    """Those of the senders that come before at least one of the receivers."""
    before = max(graph.n_senders_before(receiver) for receiver in receivers)
    return [sender for sender in senders if graph.index[sender] < before]


def check_readings(readings: Iterable[Reading], positions: Sequence[str] = ()) -> None:
    """Raises `UsageError` for the logits at another span than END, and for spans beside named positions."""
    for reading in readings:
        if reading.receiver == LOGITS and reading.span not in ("", END):
            raise UsageError(f"{reading}: the logits are read at {END} only. Leave @{reading.span} away.")
        if reading.span and positions:
            raise UsageError(
                f"where {reading.receiver} is read is said twice: at the position {positions[0]}, and at the span "
                f"{reading.span}. Leave one away."
            )


def check_paths(graph: Graph, senders: Sequence[Sender], receivers: Sequence[Receiver]) -> None:
    """Raises `UsageError` unless all are in the model and each sender comes before a receiver."""
    if not receivers or not senders:
        raise UsageError("path patching needs a sender and a receiver at least.")
    for sender in senders:
        _check_sender(graph, sender)
    for receiver in receivers:
        if receiver not in graph.receivers:
            hint = " Query heads share keys and values here: a9.kv1.k, a9.kv1.v." if graph.shape.grouped else ""
            raise UsageError(f"there is no {receiver} in this model: it has {_described(graph)}.{hint}")
    if LOGITS in receivers and len(set(receivers)) > 1:
        raise UsageError("the logits come after every other receiver: patch the paths to them by themselves.")
    late = sorted(set(senders) - set(coming_before(graph, senders, receivers)))
    if late:
        raise UsageError(f"{late[0]} does not come before {receivers[0]}: no path leads from it to there.")


def _check_sender(graph: Graph, sender: Sender) -> None:
    if sender not in graph.index:
        raise UsageError(f"there is no {sender} ({sender.label}) in this model: it has {_described(graph)}.")


def _described(graph: Graph) -> str:
    shape = graph.shape
    groups = f" in {shape.n_kv_heads} groups" if shape.grouped else ""
    return f"{shape.n_layers} layers of {shape.n_heads} heads{groups}, counted from 0"
