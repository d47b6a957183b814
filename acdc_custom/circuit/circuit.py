"""The result of a search: the surviving edges, and everything needed to know where they came from.

Owns the contents and the file format of `circuit.json` (schema 1). Loads back exactly what it saved, and says
in words why it cannot. Imports no torch: a circuit can be read, drawn and compared without a model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from acdc_custom.circuit.provenance import ModelRecord, Provenance, Settings, TaskRecord
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files.reading import checked, parse_json, part, read_regular, record, shortened
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Edge, Graph, GraphShape, Receiver, Sender

SCHEMA = 1
FILE_NAME = "circuit.json"
MOST_NODES = 100_000  # of a graph that a file may claim: the largest models have some 20,000


@dataclass(frozen=True)
class KeptEdge:
    """An edge of the circuit. `effect`: what its removal would have added to the metric when it was tested."""

    edge: Edge
    effect: float


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

    @property
    def recovered(self) -> float:
        """The share of the logit difference between the empty and the full circuit that the circuit recovers."""
        return recovered(self.model, self.circuit, self.empty)


def recovered(full: TaskPerformance, inside: TaskPerformance, empty: TaskPerformance) -> float:
    """The share of the logit difference between the empty and the full circuit that a circuit recovers, or nan."""
    gap = full.logit_diff - empty.logit_diff
    return (inside.logit_diff - empty.logit_diff) / gap if gap else float("nan")


@dataclass(frozen=True)
class SearchRecord:
    """How the search went: `decided` counts edges by reason, `noise` is the metric's rounding error, and `stages` says
    where the seconds went.

    Of a consensus, `runs` is how many searches it is made of, and `share` of how many of them an edge had to be kept
    by; numbers are those of all of them together, the closest margin and the largest noise.
    """

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


@dataclass(frozen=True)
class Circuit:
    """The edges that survived, and their provenance."""

    shape: GraphShape
    edges: tuple[KeptEdge, ...]
    provenance: Provenance
    outcome: Outcome
    search: SearchRecord
    created: str  # ISO 8601, UTC

    @property
    def settings(self) -> Settings:
        """Everything that was chosen for the search."""
        return self.provenance.settings

    @property
    def task(self) -> TaskRecord:
        """The task."""
        return self.provenance.task

    @property
    def model(self) -> ModelRecord:
        """The model."""
        return self.provenance.model

    @property
    def packages(self) -> Mapping[str, str]:
        """The versions of Python and of the packages that computed it."""
        return self.provenance.packages

    @cached_property
    def graph(self) -> Graph:
        """The whole graph that the circuit is a part of."""
        return Graph(self.shape)

    @property
    def nodes(self) -> tuple[Sender, ...]:
        """Every sender with a kept outgoing edge, in topological order."""
        return tuple(sorted({kept.edge.sender for kept in self.edges}))

    def strongest(self, n: int) -> list[KeptEdge]:
        """The `n` edges of largest effect, largest first."""
        return sorted(self.edges, key=lambda kept: -kept.effect)[:n]

    def to_networkx(self) -> Any:
        """The circuit as a `networkx.MultiDiGraph`: nodes by name, edge keys q, k, v or empty, `effect` on edges."""
        import networkx

        graph = networkx.MultiDiGraph()
        for kept in self.edges:
            sender, receiver = kept.edge.sender, kept.edge.receiver
            for node in [str(node) for node in self.graph.nodes_of(receiver)] or [str(receiver)]:
                graph.add_edge(str(sender), node, key=str(receiver.port), effect=kept.effect)
        return graph

    # -- files ------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The text of `circuit.json`."""
        content = {
            "schema": SCHEMA,
            "created": self.created,
            **self.provenance.to_content(),
            "graph": {**asdict(self.shape), "edges": self.graph.n_edges},
            "outcome": asdict(self.outcome),
            "search": asdict(self.search),
            "edges": [
                {"sender": str(kept.edge.sender), "receiver": str(kept.edge.receiver), "effect": kept.effect}
                for kept in self.edges
            ],
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, folder: str | Path) -> Path:
        """Write `circuit.json` into a run folder, whole or not at all; gives its path. Raises `ResultError`."""
        return write_file(Path(folder) / FILE_NAME, self.to_json())

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a run folder, or a `circuit.json`. Raises `ResultError` saying what is wrong with it."""
        path = Path(where)
        try:
            path = path / FILE_NAME if path.is_dir() else path
            content = parse_json(read_regular(path).decode())
        except FileNotFoundError:
            raise ResultError(f"there is no {path}. Give a run folder, or a {FILE_NAME}.") from None
        except OSError as error:
            raise ResultError(f"{path} could not be read: {error.strerror}.") from error
        except ValueError as error:
            raise ResultError(f"{path} is not a whole circuit file: {error}. It may have been cut off.") from error
        return cls._from_content(content, path)

    @classmethod
    def _from_content(cls, content: Any, path: Path) -> Self:
        schema = content.get("schema") if isinstance(content, dict) else None
        if type(schema) is not int or schema < 1:
            raise ResultError(f'{path} is not a circuit file: it has no "schema".')
        if schema > SCHEMA:
            raise ResultError(
                f"{path} was written by a newer acdc-custom (schema {schema}; this one reads up to {SCHEMA}). "
                "Update acdc-custom."
            )
        try:
            numbers, outcome = dict(part(content, "graph", dict)), dict(part(content, "outcome", dict))
            n_edges = numbers.pop("edges")
            behaviours = {who: record(TaskPerformance, outcome.pop(who)) for who in ("model", "circuit", "empty")}
            circuit: Self = record(
                cls,
                {"created": content["created"]},
                shape=_shape(numbers),
                edges=tuple(_edge(row) for row in part(content, "edges", list)),
                provenance=Provenance.from_content(content),
                outcome=record(Outcome, outcome, **behaviours),
                search=record(SearchRecord, {"runs": 1, "share": None, **part(content, "search", dict)}),
            )
            strangers = [str(kept.edge) for kept in circuit.edges if kept.edge not in circuit.graph]
            twice = [str(edge) for edge, n in Counter(k.edge for k in circuit.edges).items() if n > 1]
        except KeyError as error:
            raise ResultError(f"{path} is damaged: {error} is missing.") from error
        except (TypeError, ValueError, AttributeError, UsageError) as error:
            raise ResultError(f"{path} is damaged: {error}") from error
        if strangers or twice or n_edges != circuit.graph.n_edges:
            what = (
                f"the edge {strangers[0]} is not in its graph"
                if strangers
                else f"the edge {twice[0]} is there twice"
                if twice
                else f"its graph has {circuit.graph.n_edges} edges, not {shortened(repr(n_edges))}"
            )
            raise ResultError(f"{path} is damaged: {what}.")
        return circuit


def _shape(content: dict[str, Any]) -> GraphShape:
    shape: GraphShape = record(GraphShape, content)
    if shape.n_layers * (shape.n_heads + 1) > MOST_NODES:
        raise ValueError(f"no model has {shape.n_layers} layers of {shape.n_heads} heads")
    return shape


def _edge(row: Any) -> KeptEdge:
    row = checked(row, {"sender": "str", "receiver": "str", "effect": "float"})
    return KeptEdge(Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"])), row["effect"])
