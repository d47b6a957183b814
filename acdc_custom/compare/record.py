"""A comparison in plain values: what `comparison.json` holds, and what it is loaded back as.

Owns the records. Circuits have letters; edges, nodes and heads have their weights in those that they are in: shares of
a circuit's effects. In positions, each of them is at one span, and the same whatever the span stands apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from acdc_custom.circuit.circuit import Span
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.files.records import FloatOrNan, seldom
from acdc_custom.graph import Edge, GraphShape, Sender
from acdc_custom.heads.evidence import Role


@dataclass(frozen=True)
class SpanElsewhere:
    """A span of a circuit that others have not, and how many of its edges are there."""

    span: str
    n_edges: int


@dataclass(frozen=True)
class ComparedCircuit:
    """One of the circuits. In positions its edges and nodes are those at the spans that all circuits have; `elsewhere`
    are its others."""

    letter: str
    name: str
    task: str
    batch_sha256: str
    model: str
    weights_sha256: str
    settings: SearchSettings
    n_edges: int
    n_nodes: int
    elsewhere: tuple[SpanElsewhere, ...] = seldom(())


@dataclass(frozen=True)
class RandomIndex:
    """An index of random circuits, and how far the observed one is from it; `z` is None where these do not vary, `p`
    where there are too few different ones (`n_random`)."""

    mean: float
    sd: float
    z: float | None
    p: float | None
    n_random: int


@dataclass(frozen=True)
class RandomOverlap:
    """Both indices of one kind of random circuits; None where there is no such index."""

    jaccard: RandomIndex | None
    weighted_jaccard: RandomIndex | None


@dataclass(frozen=True)
class ComparedPair:
    """Two of the circuits, by their letters, one part of them. Shares and indices of nothing are None."""

    of: Part
    first: str
    second: str
    n_first: int
    n_second: int
    n_shared: int
    jaccard: float | None
    share_of_first: float | None
    share_of_second: float | None
    weighted_jaccard: float | None
    chance: Mapping[NullModel, RandomOverlap]


@dataclass(frozen=True)
class CrossedPrompts:
    """A set of edges on one circuit's prompts: see `acdc_custom.compare.comparison.Crossing`."""

    edges: str
    n_edges: int
    prompts: str
    faithfulness: FloatOrNan
    kl: float
    logit_diff: float
    correct: float
    faithfulness_without: FloatOrNan
    kl_without: float
    logit_diff_without: float
    correct_without: float


@dataclass(frozen=True)
class ComparedEdge:
    """An edge of any circuit, with its weights by letter."""

    edge: Edge
    weights: Mapping[str, float]


@dataclass(frozen=True)
class ComparedNode:
    """A node of any circuit, with its weights by letter."""

    node: Sender
    weights: Mapping[str, float]
    span: str = seldom("")


@dataclass(frozen=True)
class ComparedHead:
    """A head of any circuit, with its weights and its roles by letter, the first role first."""

    head: Sender
    weights: Mapping[str, float]
    roles: Mapping[str, tuple[Role, ...]]
    roles_differ: bool
    span: str = seldom("")


@dataclass(frozen=True)
class ComparedMembers:
    """What is shared, and who has what."""

    pairs: tuple[ComparedPair, ...]
    edges: tuple[ComparedEdge, ...]
    nodes: tuple[ComparedNode, ...]
    heads: tuple[ComparedHead, ...]


@dataclass(frozen=True)
class ComparisonRecord:
    """Everything. In positions, `spans` are those that all circuits have, and `whatever_span` is of the same circuits
    without positions."""

    graph: GraphShape
    draws: int
    seed: int
    notes: tuple[str, ...]
    circuits: tuple[ComparedCircuit, ...]
    pairs: tuple[ComparedPair, ...]
    crossings: tuple[CrossedPrompts, ...]
    edges: tuple[ComparedEdge, ...]
    nodes: tuple[ComparedNode, ...]
    heads: tuple[ComparedHead, ...]
    spans: tuple[Span, ...] = seldom(())
    whatever_span: ComparedMembers | None = seldom(None)  # noqa: RUF009 - it makes a field
