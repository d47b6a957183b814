"""EAP-IG on activations: integrated gradients from what a part of the model writes ablated to what it writes clean."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import activation_points, attribute

    yield from attribute(
        asked.chunks, partial(activation_points, steps=asked.steps), asked.on_step, asked.spans
    ).items()


METHOD = ScoringMethod(
    name="eap-ig-activations",
    title="EAP-IG (activations)",
    about="EAP with integrated gradients: its mean at --steps points on the way from ablated to clean activations, "
    "one layer's heads or MLP after the other",
    source="Mueller et al. 2025, arXiv 2504.13151, after Hanna et al. 2024, arXiv 2403.17806",
    unit="logits",
    score=_score,
    n_steps=lambda chunks: sum(
        1 + chunk.model.graph.shape.n_layers * (1 + chunk.model.graph.shape.has_mlp) for chunk in chunks
    ),
    points=5,
)
