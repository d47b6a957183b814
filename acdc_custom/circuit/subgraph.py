"""Some edges of a model's graph, and where they come from: what a circuit is before anything is measured of it.

Owns what can be done with edges alone: taking nodes away, joining and comparing those of one model, masks and tables.
What needs a model or a picture belongs to higher floors, and is found by its name when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from acdc_custom.circuit.provenance import ModelRecord, Provenance, TaskRecord
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import UsageError, count
from acdc_custom.files.table import Row, data_frame
from acdc_custom.graph import EMBED, Edge, Graph, GraphShape, Receiver, Sender

if TYPE_CHECKING:
    import numpy

Nodes = str | Sender | Iterable[str | Sender]  # as people name them: "L9H6, MLP 3", or one by one


@dataclass(frozen=True)
class KeptEdge:
    """An edge of the circuit. `effect`: what its removal would have added to the metric when it was tested; of a
    method that scores edges, its score."""

    edge: Edge
    effect: float

    @property
    def strength(self) -> float:
        """The effect's size: edges that hurt may be kept by their scores, and matter as much as those that help."""
        return abs(self.effect)


@dataclass(frozen=True, repr=False)
class Subgraph:
    """Edges, and the provenance of the circuit that they are from."""

    shape: GraphShape
    edges: tuple[KeptEdge, ...]
    provenance: Provenance

    @property
    def settings(self) -> SearchSettings:
        """Everything that was chosen for the search."""
        return self.provenance.settings

    @property
    def corruption(self) -> str:
        """Which of the task's corruptions."""
        return self.settings.prompts.corruption or ""

    @property
    def unit(self) -> str:
        """The unit of the effects; empty for the scores of a method that scores edges."""
        return "" if self.is_scored else self.settings.parsed_metric.unit

    @property
    def is_scored(self) -> bool:
        """Whether its edges were scored, and come first; else they were decided, by a threshold."""
        return self.settings.threshold is None

    @property
    def task(self) -> TaskRecord:
        """The task."""
        return self.provenance.task

    @property
    def model(self) -> ModelRecord:
        """The model."""
        return self.provenance.model

    @cached_property
    def graph(self) -> Graph:
        """The whole graph that the edges are a part of."""
        return Graph(self.shape)

    @property
    def nodes(self) -> tuple[Sender, ...]:
        """Every sender with a kept outgoing edge, in topological order."""
        return tuple(sorted({kept.edge.sender for kept in self.edges}))

    def strongest(self, n: int) -> list[KeptEdge]:
        """The `n` edges of largest effect, of either sign, largest first."""
        return sorted(self.edges, key=lambda kept: -kept.strength)[:n]

    def __contains__(self, edge: object) -> bool:
        return any(kept.edge == edge for kept in self.edges)

    @property
    def n_edges(self) -> int:
        """Of the whole model."""
        return self.graph.n_edges

    def __repr__(self) -> str:
        of = f"{count(len(self.edges), 'edge')} of {self.n_edges:,}"
        return f"<{type(self).__name__} of {self.task.name} in {self.model.name}: {of}, {len(self.nodes)} nodes>"

    # -- other edges of the same model --------------------------------------------------------------------

    def without(self, nodes: Nodes) -> Subgraph:
        """All edges but those out of and into these nodes, such as "L9H6, MLP 3". What heads share is read on by
        those that are left. Raises `UsageError` for a node that the model has not."""
        gone = self._nodes(nodes)
        return self._of(
            kept
            for kept in self.edges
            if kept.edge.sender not in gone and (not (into := self._into(kept.edge.receiver)) or not into <= gone)
        )

    def keep(self, chosen: Nodes | Callable[[KeptEdge], bool]) -> Subgraph:
        """The edges among these nodes, the embedding and the logits; or those of which a function is true, such as
        `circuit.keep(lambda kept: kept.effect > 0.1)`. Raises `UsageError` for a node that the model has not."""
        if callable(chosen):
            return self._of(kept for kept in self.edges if chosen(kept))
        left = self._nodes(chosen) | {EMBED}
        return self._of(
            kept
            for kept in self.edges
            if kept.edge.sender in left and (not (into := self._into(kept.edge.receiver)) or into & left)
        )

    def __or__(self, other: Subgraph) -> Subgraph:
        """The edges of either; of those of both, the effect here."""
        if self._edges_of(other) is None:
            return NotImplemented
        here = {kept.edge for kept in self.edges}
        return self._of((*self.edges, *(kept for kept in other.edges if kept.edge not in here)))

    def __and__(self, other: Subgraph) -> Subgraph:
        """The edges of both, with the effect here."""
        there = self._edges_of(other)
        return NotImplemented if there is None else self._of(kept for kept in self.edges if kept.edge in there)

    def __sub__(self, other: Subgraph) -> Subgraph:
        """The edges that are here alone."""
        there = self._edges_of(other)
        return NotImplemented if there is None else self._of(kept for kept in self.edges if kept.edge not in there)

    def _of(self, edges: Iterable[KeptEdge]) -> Subgraph:
        return Subgraph(self.shape, tuple(edges), self.provenance)

    def _edges_of(self, other: object) -> set[Edge] | None:
        """The edges there; None of what is no subgraph. Raises `UsageError` for another model's."""
        if not isinstance(other, Subgraph):
            return None
        if (self.shape, self.model.weights_sha256) != (other.shape, other.model.weights_sha256):
            raise UsageError(
                f"these are edges of {self.model.name} and of {other.model.name}, which are not the same model, or not "
                "the same weights. Give circuits of one model; acdc-custom compare compares others."
            )
        return {kept.edge for kept in other.edges}

    def _into(self, receiver: Receiver) -> set[Sender]:
        return set(self.graph.nodes_of(receiver))

    def _nodes(self, given: Nodes) -> set[Sender]:
        names = given.split(",") if isinstance(given, str) else [given] if isinstance(given, Sender) else given
        if not isinstance(names, Iterable):
            raise UsageError(f'{given!r} is no node. Give names such as "L9H6, MLP 3".')
        nodes = {node if isinstance(node, Sender) else Sender.read(str(node)) for node in names}
        if strangers := sorted(node for node in nodes if node not in self.graph.index):
            raise UsageError(
                f"{strangers[0]} is not in {self.model.name}, which has {self.shape.n_layers} layers of "
                f"{self.shape.n_heads} heads, counted from 0."
            )
        return nodes

    # -- tables and masks -----------------------------------------------------------------------------------

    def edge_rows(self) -> list[Row]:
        """A row for each edge: both ends by name, the input that it leads into, layers, the effect; in positions, its
        span."""
        n_layers = self.shape.n_layers
        return [
            {
                "sender": str(kept.edge.sender),
                "receiver": str(kept.edge.receiver),
                "input": str(kept.edge.receiver.port),
                "sender_layer": kept.edge.sender.layer,
                "receiver_layer": min(kept.edge.receiver.layer, n_layers),
                "effect": kept.effect,
                **({"span": kept.edge.span} if kept.edge.span else {}),
            }
            for kept in self.edges
        ]

    def edges_frame(self) -> Any:
        """The edges as a pandas DataFrame, with the columns of `edge_rows`. Raises `UsageError` without pandas."""
        columns = ("sender", "receiver", "input", "sender_layer", "receiver_layer", "effect")
        span = ("span",) if any(kept.edge.span for kept in self.edges) else ()
        return data_frame(self.edge_rows(), (*columns, *span))

    def mask(self) -> numpy.ndarray:
        """`[receiver, sender]`: true where there is an edge, in positions at any span; rows and columns are
        `graph.receivers` and `graph.senders`. For tools that mask edges."""
        import numpy

        graph = self.graph
        rows = {receiver: place for place, receiver in enumerate(graph.receivers)}
        mask = numpy.zeros((len(rows), len(graph.senders)), dtype=bool)
        for kept in self.edges:
            mask[rows[kept.edge.receiver], graph.index[kept.edge.sender]] = True
        return mask

    def to_networkx(self) -> Any:
        """The edges as a `networkx.MultiDiGraph`: nodes by name, edge keys q, k, v or empty, `effect` on edges; in
        positions, `span` too, and keys as `q@S2`."""
        import networkx

        graph = networkx.MultiDiGraph()
        for kept in self.edges:
            sender, receiver = kept.edge.sender, kept.edge.receiver
            for node in [str(node) for node in self.graph.nodes_of(receiver)] or [str(receiver)]:
                if kept.edge.span:
                    key, span = f"{receiver.port}@{kept.edge.span}", kept.edge.span
                    graph.add_edge(str(sender), node, key=key, effect=kept.effect, span=span)
                else:
                    graph.add_edge(str(sender), node, key=str(receiver.port), effect=kept.effect)
        return graph

    # -- what belongs to higher floors ----------------------------------------------------------------------

    def run(self, model: Any, prompts: Any, ablation: str | None = None, tokenizer: Any = None) -> Any:
        """The logits after each prompt with everything outside these edges ablated, `[prompt, vocab]`: see
        `acdc_custom.engine.applied.run_edges`."""
        return _upstairs("engine.applied", "run_edges")(self, model, prompts, ablation, tokenizer)

    def applied(
        self, model: Any, corrupted: Any = None, ablation: str | None = None, tokenizer: Any = None
    ) -> AbstractContextManager[Any]:
        """While this lasts, `model` computes what these edges do: see
        `acdc_custom.engine.applied.applied`."""
        context: AbstractContextManager[Any] = _upstairs("engine.applied", "applied")(
            self, model, corrupted, ablation, tokenizer
        )
        return context

    def _repr_html_(self) -> str:
        """Its picture, for a notebook: see `acdc_custom.page.notebook.shown`."""
        return str(_upstairs("page.notebook", "shown")(self))


def _upstairs(module: str, name: str) -> Any:
    """A function of a higher floor, which nothing here may depend on: it is imported only when it is called."""
    return getattr(import_module(f"acdc_custom.{module}"), name)
