"""EAP: edge attribution patching."""

from __future__ import annotations

from collections.abc import Iterator

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import attribute, clean_point

    yield from attribute(asked.chunks, clean_point, asked.on_step, asked.spans).items()


METHOD = ScoringMethod(
    name="eap",
    title="EAP",
    about="edge attribution patching: the gradient of the logit difference on the clean prompts",
    source="Syed et al. 2023, arXiv 2310.10348",
    unit="logits",
    score=_score,
    n_steps=len,
)
