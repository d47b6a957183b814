"""The computational graph of a transformer: nodes, edges, their names and the order of visiting them.

Owns the words of design: a *sender* writes to the residual stream (`embed`, `a9.h6`, `m3`), a *receiver*
reads it (`a9.h6.q`, `a9.kv1.k`, `m3`, `logits`), an *edge* joins a sender to a receiver after it. Names are
parsed and printed here and nowhere else. Knows no weights and no activations: everything follows from
the numbers in `GraphShape`. Files have names in one form only; people may write those that they read, too (`read`):
`L9H6` or `9.6` for `a9.h6`, `MLP 3` for `m3`. An edge may stand for what it carries at some tokens alone, those of a
*span*, which has a name: `a0.h1@S2 -> a8.h6.v@S2`. Which tokens these are is the task's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import TypeVar

from acdc_custom.errors import UsageError

T = TypeVar("T")

_N = "(0|[1-9][0-9]{0,8})"  # a layer or a head, in the one way in which it is written
# What people write beside the names of files, and the name that each stands for.
_WRITTEN = (
    (rf"L{_N}[ .]?H{_N}(\.[qkv])?", r"a\1.h\2\3"),
    (rf"A{_N}\.H{_N}(\.[qkv])?", r"a\1.h\2\3"),
    (rf"{_N}\.{_N}(\.[qkv])?", r"a\1.h\2\3"),
    (rf"L{_N}[ .]?KV{_N}(\.[kv])", r"a\1.kv\2\3"),
    (rf"A{_N}\.KV{_N}(\.[kv])", r"a\1.kv\2\3"),
    (rf"M(?:LP)? ?{_N}", r"m\1"),
    ("(EMBED|LOGITS)", r"\1"),
)


def file_name(written: str) -> str:
    """The name that files have for what people write: `a9.h6.q` for `L9H6.q`. Anything else stays as it is."""
    for form, name in _WRITTEN:
        if found := re.fullmatch(form, written.strip(), re.IGNORECASE):
            return found.expand(name).lower()
    return written.strip()


class Stage(IntEnum):
    """What kind of node, in the order in which a block computes them."""

    EMBED = 0
    HEAD = 1
    MLP = 2
    LOGITS = 3


class Port(StrEnum):
    """Which input of a node a receiver is. Heads have three; MLPs and the logits have one (`IN`)."""

    Q = "q"
    K = "k"
    V = "v"
    IN = ""


@dataclass(frozen=True, order=True)
class Sender:
    """A node that writes to the residual stream. Sorts in topological order.

    `layer` is -1 for `embed`; `head` is 0 for everything that is not a head.
    """

    layer: int
    stage: Stage
    head: int = 0

    def __str__(self) -> str:
        match self.stage:
            case Stage.EMBED:
                return "embed"
            case Stage.HEAD:
                return f"a{self.layer}.h{self.head}"
            case _:
                return f"m{self.layer}"

    @property
    def label(self) -> str:
        """The name that people read: `L9H6`, `MLP 3`, `embed`."""
        match self.stage:
            case Stage.EMBED:
                return "embed"
            case Stage.HEAD:
                return f"L{self.layer}H{self.head}"
            case _:
                return f"MLP {self.layer}"

    @classmethod
    def parse(cls, name: str) -> Sender:
        """The sender with this name. Raises `UsageError` for anything else."""
        if name == "embed":
            return EMBED
        if found := re.fullmatch(rf"a{_N}\.h{_N}", name):
            return cls(int(found[1]), Stage.HEAD, int(found[2]))
        if found := re.fullmatch(rf"m{_N}", name):
            return cls(int(found[1]), Stage.MLP)
        raise UsageError(f'"{name}" is not a sender. Senders are called embed, a9.h6 or m3.')

    @classmethod
    def read(cls, written: str) -> Sender:
        """The sender that somebody wrote, in any form. Raises `UsageError`, quoting what was written."""
        try:
            return cls.parse(file_name(written))
        except UsageError:
            raise UsageError(
                f'"{written.strip()}" is not a sender. Senders are called embed, a9.h6 (L9H6, 9.6), or m3 (MLP 3).'
            ) from None


EMBED = Sender(-1, Stage.EMBED)


def _read_at_span(written: str, example: str, read: Callable[[str], T]) -> tuple[T, str]:
    """What somebody wrote: a node, which is read so, and its span, "" where there is none. Raises `UsageError`."""
    name, at, span = (part.strip() for part in written.strip().partition("@"))
    if at and not span:
        raise UsageError(f'"{written.strip()}" names no span after its @. Write it as {example}.')
    try:
        return read(name), span
    except UsageError as error:
        raise UsageError(str(error).replace(f'"{name}"', f'"{written.strip()}"')) from None


@dataclass(frozen=True, order=True)
class Place:
    """A sender at the tokens of one span, `a9.h6@END`; or at all tokens, where the span is "" and is not written."""

    node: Sender
    span: str = ""

    def __str__(self) -> str:
        return f"{self.node}@{self.span}" if self.span else str(self.node)

    @property
    def label(self) -> str:
        """The name that people read: `L9H6@END`."""
        return f"{self.node.label}@{self.span}" if self.span else self.node.label

    @classmethod
    def read(cls, written: str) -> Place:
        """The sender that somebody wrote, in any form, and its span, if there is one. Raises `UsageError`."""
        return cls(*_read_at_span(written, "a9.h6@END (L9H6@END)", Sender.read))

    @classmethod
    def of(cls, sender: Sender | Place) -> Place:
        """A sender by itself is one at all tokens."""
        return sender if isinstance(sender, Place) else cls(sender)


@dataclass(frozen=True, order=True)
class Receiver:
    """An input that reads the residual stream.

    `head` is the attention head, or the key/value head when `grouped` (several query heads share it).
    """

    layer: int
    stage: Stage
    port: Port = Port.IN
    head: int = 0
    grouped: bool = False

    def __str__(self) -> str:
        match self.stage:
            case Stage.HEAD:
                return f"a{self.layer}.{'kv' if self.grouped else 'h'}{self.head}.{self.port}"
            case Stage.MLP:
                return f"m{self.layer}"
            case _:
                return "logits"

    @classmethod
    def parse(cls, name: str) -> Receiver:
        """The receiver with this name. Raises `UsageError` for anything else."""
        if name == "logits":
            return LOGITS
        if found := re.fullmatch(rf"a{_N}\.h{_N}\.([qkv])", name):
            return cls(int(found[1]), Stage.HEAD, Port(found[3]), int(found[2]))
        if found := re.fullmatch(rf"a{_N}\.kv{_N}\.([kv])", name):
            return cls(int(found[1]), Stage.HEAD, Port(found[3]), int(found[2]), grouped=True)
        if found := re.fullmatch(rf"m{_N}", name):
            return cls(int(found[1]), Stage.MLP)
        raise UsageError(
            f'"{name}" is not a receiver. Receivers are called logits, m3, a9.h6.q, a9.h6.k, a9.h6.v, '
            "or a9.kv1.k and a9.kv1.v where query heads share keys and values."
        )

    @classmethod
    def read(cls, written: str) -> Receiver:
        """The receiver that somebody wrote, in any form. Raises `UsageError`, quoting what was written."""
        try:
            return cls.parse(file_name(written))
        except UsageError:
            raise UsageError(
                f'"{written.strip()}" is not a receiver. Receivers are called logits, m3 (or MLP 3), a9.h6.q (or '
                "L9H6.q, or 9.6.q), a9.h6.k, a9.h6.v, or a9.kv1.k and a9.kv1.v where query heads share keys and values."
            ) from None


@dataclass(frozen=True, order=True)
class Reading:
    """A receiver at the tokens of one span, `a9.h6.q@END`; or at all tokens: the span is "", and is not written."""

    receiver: Receiver
    span: str = ""

    def __str__(self) -> str:
        return f"{self.receiver}@{self.span}" if self.span else str(self.receiver)

    @classmethod
    def read(cls, written: str) -> Reading:
        """The receiver that somebody wrote, in any form, and its span, if there is one. Raises `UsageError`."""
        return cls(*_read_at_span(written, "a9.h6.q@END (L9H6.q@END)", Receiver.read))

    @classmethod
    def of(cls, receiver: Receiver | Reading) -> Reading:
        """A receiver by itself is one at all tokens."""
        return receiver if isinstance(receiver, Reading) else cls(receiver)


def parse_heads(names: str) -> tuple[Sender, ...]:
    """The heads of a list such as `a9.h9,L9H6`, each once, in topological order. Raises `UsageError`."""
    heads = set()
    for name in names.split(","):
        node = Sender.read(name)
        if node.stage is not Stage.HEAD:
            raise UsageError(f"{name.strip()} is no head. Heads are called a9.h6, L9H6 or 9.6.")
        heads.add(node)
    return tuple(sorted(heads))


# Sorts after every other receiver, whatever the model's depth.
LOGITS = Receiver(1 << 30, Stage.LOGITS)


@dataclass(frozen=True, order=True)
class Edge:
    """A sender's contribution to what one receiver reads: at all tokens, or at those of one span.

    The residual stream of a token is read at that token alone: so a span stands on both sides of its name.
    """

    sender: Sender
    receiver: Receiver
    span: str = field(default="", metadata={"seldom": True})  # "": all tokens, and files leave it out

    def __str__(self) -> str:
        at = f"@{self.span}" if self.span else ""
        return f"{self.sender}{at} -> {self.receiver}{at}"

    @property
    def merged(self) -> Edge:
        """The same edge at all tokens."""
        return Edge(self.sender, self.receiver) if self.span else self

    @classmethod
    def named(cls, name: str) -> Edge:
        """The edge of a name such as `a9.h6 -> m10` or `a9.h6@END -> m10@END`. Raises `UsageError` for anything
        else."""
        sender, at, rest = name.partition("@")
        if at and " -> " not in sender:
            for arrow in re.finditer(" -> ", rest):
                span = rest[: arrow.start()]
                if span and rest.endswith(f"@{span}"):
                    return cls(Sender.parse(sender), Receiver.parse(rest[arrow.end() : -len(span) - 1]), span)
        sender, _, receiver = name.partition(" -> ")
        return cls(Sender.parse(sender), Receiver.parse(receiver))


@dataclass(frozen=True)
class GraphShape:
    """All that the graph depends on. `parallel`: the MLP does not read its own layer's heads."""

    n_layers: int
    n_heads: int
    n_kv_heads: int
    parallel: bool = False
    has_mlp: bool = True

    def __post_init__(self) -> None:
        if min(self.n_layers, self.n_heads, self.n_kv_heads) < 1 or self.n_heads % self.n_kv_heads:
            raise UsageError(
                f"no graph has {self.n_layers} layers, {self.n_heads} heads and {self.n_kv_heads} key/value heads: "
                "each must be at least 1, and the heads a multiple of the key/value heads."
            )

    @property
    def grouped(self) -> bool:
        """Whether query heads share keys and values."""
        return self.n_kv_heads != self.n_heads

    @property
    def group_size(self) -> int:
        """Query heads per key/value head."""
        return self.n_heads // self.n_kv_heads


@dataclass(frozen=True)
class Graph:
    """All senders, receivers and edges of a model of one shape.

    `receivers` is the original implementation's visiting order (Conmy et al. 2023, Algorithm 1 and its code):
    the logits; then, from the last layer, the MLP, the v inputs, the k inputs, the q inputs, heads descending.
    """

    shape: GraphShape

    @cached_property
    def senders(self) -> tuple[Sender, ...]:
        """Every sender, in topological order."""
        shape = self.shape
        senders = [EMBED]
        for layer in range(shape.n_layers):
            senders += [Sender(layer, Stage.HEAD, head) for head in range(shape.n_heads)]
            senders += [Sender(layer, Stage.MLP)] * shape.has_mlp
        return tuple(senders)

    @cached_property
    def index(self) -> dict[Sender, int]:
        """Each sender's place in `senders`."""
        return {sender: place for place, sender in enumerate(self.senders)}

    @cached_property
    def receivers(self) -> tuple[Receiver, ...]:
        """Every receiver, in the order in which a search visits them."""
        shape = self.shape
        receivers = [LOGITS]
        for layer in reversed(range(shape.n_layers)):
            receivers += [Receiver(layer, Stage.MLP)] * shape.has_mlp
            for port in (Port.V, Port.K, Port.Q):
                grouped = shape.grouped and port is not Port.Q
                n_heads = shape.n_kv_heads if grouped else shape.n_heads
                receivers += [Receiver(layer, Stage.HEAD, port, head, grouped) for head in reversed(range(n_heads))]
        return tuple(receivers)

    def n_senders_before(self, receiver: Receiver) -> int:
        """How many senders the receiver reads: they are the first so many of `senders`."""
        shape = self.shape
        per_layer = shape.n_heads + shape.has_mlp
        if receiver.stage is Stage.LOGITS:
            return 1 + shape.n_layers * per_layer
        own_heads = shape.n_heads if receiver.stage is Stage.MLP and not shape.parallel else 0
        return 1 + receiver.layer * per_layer + own_heads

    def senders_to(self, receiver: Receiver) -> list[Sender]:
        """The receiver's senders in visiting order: latest layer first, MLP before heads, heads ascending."""
        before = self.senders[: self.n_senders_before(receiver)]
        return sorted(before, key=lambda s: (-s.layer, -s.stage, s.head))

    def nodes_of(self, receiver: Receiver) -> list[Sender]:
        """The nodes whose output the receiver can change: none for the logits, a group of heads for shared k, v."""
        match receiver.stage:
            case Stage.LOGITS:
                return []
            case Stage.MLP:
                return [Sender(receiver.layer, Stage.MLP)]
            case _:
                size = self.shape.group_size if receiver.grouped else 1
                first = receiver.head * size
                return [Sender(receiver.layer, Stage.HEAD, head) for head in range(first, first + size)]

    def inputs_of(self, node: Sender) -> list[Receiver]:
        """The receivers that feed a node; the inverse of `nodes_of`."""
        match node.stage:
            case Stage.EMBED:
                return []
            case Stage.MLP:
                return [Receiver(node.layer, Stage.MLP)]
            case _:
                grouped = self.shape.grouped
                kv_head = node.head // self.shape.group_size
                return [
                    Receiver(node.layer, Stage.HEAD, Port.Q, node.head),
                    Receiver(node.layer, Stage.HEAD, Port.K, kv_head, grouped),
                    Receiver(node.layer, Stage.HEAD, Port.V, kv_head, grouped),
                ]

    @cached_property
    def n_edges(self) -> int:
        """The number of edges: 32,491 for GPT-2 small."""
        return sum(map(self.n_senders_before, self.receivers))

    def n_edges_in(self, n_spans: int) -> int:
        """The number of edges where each is taken apart by so many spans: those to the logits are at the last alone."""
        to_logits = self.n_senders_before(LOGITS)
        return (self.n_edges - to_logits) * n_spans + to_logits

    def edges(self) -> Iterator[Edge]:
        """Every edge, in the order in which a search decides them."""
        for receiver in self.receivers:
            for sender in self.senders_to(receiver):
                yield Edge(sender, receiver)

    def edges_at(self, spans: Sequence[str]) -> Iterator[Edge]:
        """Every edge at every span, and those to the logits at the last alone."""
        for edge in self.edges():
            for span in spans[-1:] if edge.receiver == LOGITS else spans:
                yield Edge(edge.sender, edge.receiver, span)

    def __contains__(self, edge: Edge) -> bool:
        known = edge.sender in self.index and edge.receiver in self._receiver_set
        return known and self.index[edge.sender] < self.n_senders_before(edge.receiver)

    @cached_property
    def _receiver_set(self) -> frozenset[Receiver]:
        return frozenset(self.receivers)
