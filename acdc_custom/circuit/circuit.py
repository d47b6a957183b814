"""The result of a search: the surviving edges, and everything needed to know where they came from.

Owns the contents and the file format of `circuit.json` (schema 1). Loads back exactly what it saved, and says
in words why it cannot. Imports no torch: a circuit can be read, drawn and compared without a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from acdc_custom.circuit.provenance import SECTIONS, Provenance
from acdc_custom.circuit.subgraph import KeptEdge as KeptEdge
from acdc_custom.circuit.subgraph import Subgraph
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts, from_plain, seldom, to_json, to_plain
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Edge, GraphShape, Sender
from acdc_custom.stats.intervals import Estimate

SCHEMA = 1
FILE_NAME = "circuit.json"
MOST_NODES = 100_000  # of a graph that a file may claim: the largest models have some 20,000


@dataclass(frozen=True)
class Span:
    """A span of the prompts of a search in positions, and the text that it has in an example; "" if it lacks it."""

    name: str
    example: str


@dataclass(frozen=True)
class TaskPerformance:
    """How well something does the task, over the batch: KL from the full model in nats, logit difference in logits."""

    kl: float
    logit_diff: float
    correct: float  # share of prompts whose answer has a higher logit than its foil


@dataclass(frozen=True)
class Outcome:
    """What came out. The circuit's numbers are computed anew from its definition, not carried along."""

    metric_before: float
    metric_after: float
    model: TaskPerformance
    circuit: TaskPerformance
    empty: TaskPerformance  # the empty circuit: with the corrupted ablation, the full model on the corrupted prompts
    answer_tokens: tuple[int, ...] = seldom((1,))  # how many tokens answers have; KL is the mean over those of each

    @property
    def faithfulness(self) -> float:
        """The share of the logit difference between the empty and the full circuit that the circuit recovers."""
        return normalised_faithfulness(self.model, self.circuit, self.empty)


def normalised_faithfulness(full: TaskPerformance, inside: TaskPerformance, empty: TaskPerformance) -> float:
    """The share of the logit difference between the empty and the full circuit that a circuit recovers, or nan."""
    gap = full.logit_diff - empty.logit_diff
    return (inside.logit_diff - empty.logit_diff) / gap if gap else float("nan")


@dataclass(frozen=True)
class TestOutcome:
    """The same on prompts that neither the search nor any choice has seen. `faithfulness` has its 95 % interval
    (Fieller's); None: it is not defined, since the model may be no better than no edges."""

    __test__ = False  # no test of pytest's

    n: int  # prompts
    model: TaskPerformance
    circuit: TaskPerformance
    empty: TaskPerformance
    faithfulness: Estimate | None


@dataclass(frozen=True)
class SearchRecord:
    """How the search went: `unit` is that of the effects, `decided` counts edges by reason, `noise` is the metric's
    rounding error, and `stages` says where the seconds went.

    Of a consensus, `runs` is how many searches it is made of, and `share` of how many of them an edge had to be kept
    by; numbers are those of all of them together, the closest margin and the largest noise.
    """

    unit: str
    evaluations: int
    decided: Mapping[str, int]
    closest_margin: float | None  # the smallest |increase - threshold| of any evaluated decision
    noise: float
    within_noise: int  # decisions whose margin is below the noise: another machine may decide them differently
    seconds: float
    stages: Mapping[str, float]
    runs: int = 1
    share: float | None = None

    @property
    def consensus(self) -> str:
        """`consensus of 20 runs, edges kept by at least 50%`; nothing for the circuit of a single run."""
        if self.share is None:
            return ""
        return f"consensus of {self.runs:,} runs, edges kept by at least {100 * self.share:.3g}%"


@dataclass(frozen=True, repr=False)
class Circuit(Subgraph):
    """The edges that survived, their provenance, and what was measured of them."""

    outcome: Outcome
    search: SearchRecord
    created: str  # ISO 8601, UTC
    test: TestOutcome | None = None  # None: no prompts were held out
    spans: tuple[Span, ...] = ()  # of a circuit in positions, all spans in order, END last

    @property
    def in_positions(self) -> bool:
        """Whether its edges are those of single spans."""
        return bool(self.spans)

    @property
    def n_edges(self) -> int:
        """Of the whole model; in positions, an edge at every span."""
        return self.graph.n_edges_in(len(self.spans)) if self.spans else self.graph.n_edges

    @property
    def at_all_spans(self) -> Self:
        """The circuit without positions: every edge that it has at some span, with the largest of its effects."""
        if not self.spans:
            return self
        merged: dict[Edge, float] = {}
        for kept in self.edges:
            merged[kept.edge.merged] = max(merged.get(kept.edge.merged, kept.effect), kept.effect, key=abs)
        edges = tuple(KeptEdge(edge, effect) for edge, effect in merged.items())
        return replace(self, edges=edges, spans=())

    @property
    def unit(self) -> str:
        """The unit of the effects."""
        return self.search.unit

    @property
    def chosen(self) -> str:
        """How its edges were chosen: `at threshold 0.01 nats`, or `ranked first by eap-ig`."""
        settings = self.settings
        if settings.threshold is None:
            return f"ranked first by {settings.method}"
        return f"at threshold {settings.threshold:g} {self.search.unit}"

    @property
    def packages(self) -> Mapping[str, str]:
        """The versions of Python and of the packages that computed it."""
        return self.provenance.packages

    @cached_property
    def written_at(self) -> Mapping[Sender, tuple[str, ...]]:
        """Of a circuit in positions, the spans at which something reads each node, in order."""
        read = {(kept.edge.sender, kept.edge.span) for kept in self.edges}
        at = {node: tuple(span.name for span in self.spans if (node, span.name) in read) for node in self.nodes}
        return {node: spans for node, spans in at.items() if spans}

    # -- files ------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The text of `circuit.json`."""
        content = {
            "created": self.created,
            **to_plain(self.provenance),
            "graph": {**to_plain(self.shape), "edges": self.graph.n_edges},
            "outcome": self.outcome,
            "test": None if self.test is None else to_plain(self.test),
            "search": self.search,
            **({"spans": to_plain(self.spans)} if self.spans else {}),
            "edges": [{**to_plain(kept.edge), "effect": kept.effect} for kept in self.edges],
        }
        return to_json(SCHEMA, content)

    def save(self, folder: str | Path) -> Path:
        """Write `circuit.json` into a run folder, whole or not at all; gives its path. Raises `ResultError`."""
        return write_file(Path(folder) / FILE_NAME, self.to_json())

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a run folder, or a `circuit.json`. Raises `ResultError` saying what is wrong with it."""
        return read_record(
            file_in(where, FILE_NAME), SCHEMA, f"Give a run folder, or a {FILE_NAME}.", cls._from_content
        )

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Self:
        whole = Parts(content)
        circuit = cls(
            whole.read("graph", GraphShape, beside=("edges",)),
            tuple(_kept(row) for row in whole.each("edges")),
            from_plain(Provenance, {section: content[section] for section in SECTIONS}),
            whole.read("outcome", Outcome),
            from_plain(SearchRecord, {"runs": 1, "share": None, **whole.read("search", dict[str, Any])}, "search"),
            whole.read("created", str),
            from_plain(TestOutcome, content["test"], "test") if content.get("test") else None,
            whole.records("spans", Span) if "spans" in content else (),
        )
        shape, n_edges = circuit.shape, whole.within("graph").read("edges", int)
        if shape.n_layers * (shape.n_heads + 1) > MOST_NODES:
            raise ValueError(f"no model has {shape.n_layers} layers of {shape.n_heads} heads")
        twice = [str(edge) for edge, n in Counter(kept.edge for kept in circuit.edges).items() if n > 1]
        if strangers := [str(kept.edge) for kept in circuit.edges if kept.edge not in circuit.graph]:
            raise ValueError(f"the edge {strangers[0]} is not in its graph")
        if twice:
            raise ValueError(f"the edge {twice[0]} is there twice")
        spans = {span.name for span in circuit.spans}
        if elsewhere := [str(kept.edge) for kept in circuit.edges if bool(spans) != bool(kept.edge.span)]:
            raise ValueError(f"the edge {elsewhere[0]} has {'no span' if spans else 'a span, and the circuit none'}")
        if unknown := [kept.edge.span for kept in circuit.edges if kept.edge.span and kept.edge.span not in spans]:
            raise ValueError(f'there is no span "{unknown[0]}" in its spans')
        if n_edges != circuit.graph.n_edges:
            raise ValueError(f"its graph has {circuit.graph.n_edges} edges, not {n_edges}")
        return circuit


def _kept(row: Parts) -> KeptEdge:
    """From a row of the file, where an edge's names stand beside its effect."""
    return KeptEdge(from_plain(Edge, row.content, row.place, beside=("effect",)), row.read("effect", float))
