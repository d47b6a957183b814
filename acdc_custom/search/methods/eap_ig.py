"""EAP-IG on inputs: edge attribution patching with integrated gradients from the ablated to the clean embedding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import attribute, embedding_points

    yield from attribute(asked.chunks, partial(embedding_points, steps=asked.steps), asked.on_step, asked.spans).items()


METHOD = ScoringMethod(
    name="eap-ig",
    title="EAP-IG (inputs)",
    about="EAP with integrated gradients: its mean at points on the way from the ablated embedding, k = 1 to --steps "
    "as in the paper",
    source="Hanna et al. 2024, arXiv 2403.17806",
    unit="logits",
    score=_score,
    n_steps=len,
    points=5,
)
