"""A model whose circuit is known: its weights, its wires, and prompts to search on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from acdc_custom.choices import CustomMetric, Metric
from acdc_custom.graph import Edge, Graph
from acdc_custom.known.wiring import Wire, circuit_of
from acdc_custom.model.model import Model
from acdc_custom.model.weights import Weights
from acdc_custom.task.spans import cut


@dataclass(frozen=True)
class KnownPrompt:
    """A prompt in token ids. `positions` names some of them."""

    clean_ids: tuple[int, ...]
    corrupted_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    foil_ids: tuple[int, ...]
    template: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)

    @property
    def forced(self) -> None:
        """Its answers are of one token."""

    @property
    def spans(self) -> tuple[str, ...]:
        """The span that each token is in."""
        return cut(self.clean_ids, self.corrupted_ids, self.positions)


@dataclass(frozen=True)
class KnownModel:
    """A model, and what its maker knows of it. `metric` is what a search of its circuit minimises."""

    name: str
    about: str
    model: Model
    wires: frozenset[Wire]
    prompts: tuple[KnownPrompt, ...]
    metric: Metric | CustomMetric

    @cached_property
    def circuit(self) -> dict[Edge, tuple[str, ...]]:
        """The edges that the model was built with, as far as they lead to the logits, and the parts that they carry."""
        return {
            edge: tuple(sorted(wire.part for wire in self.wires if wire.edge == edge))
            for edge in sorted(circuit_of(self.model.graph, self.wires))
        }


def model_of(name: str, weights: Weights, graph: Graph) -> Model:
    """Weights as a model that the engine searches. It has no tokenizer, and nothing to be checked against."""
    assert weights.position_embedding is not None
    return Model(
        name=name,
        architecture="built by hand",
        title="known",
        bridge=None,
        tokenizer=None,
        weights=weights,
        graph=graph,
        max_positions=len(weights.position_embedding),
        parameters=dict(_parameters(weights)),
    )


def _parameters(weights: Weights) -> Iterator[tuple[str, Tensor]]:
    """Every matrix that is not the same in all such models, by name."""
    assert weights.position_embedding is not None
    yield "token_embedding", weights.token_embedding
    yield "position_embedding", weights.position_embedding
    yield "unembedding", weights.unembedding
    for layer, block in enumerate(weights.blocks):
        attention, mlp = block.attention, block.mlp
        for name, projection in (("query", attention.query), ("key", attention.key), ("value", attention.value)):
            yield f"{layer}.{name}", projection.weight
            if projection.bias is not None:
                yield f"{layer}.{name}.bias", projection.bias
        yield f"{layer}.out", attention.out
        if mlp is not None:
            yield f"{layer}.mlp.in", mlp.weight_in
            yield f"{layer}.mlp.out", mlp.weight_out
            if mlp.bias_in is not None:
                yield f"{layer}.mlp.bias", mlp.bias_in
