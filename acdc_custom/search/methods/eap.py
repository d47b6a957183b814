"""EAP: edge attribution patching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from acdc_custom.graph import Edge
from acdc_custom.search.method import OnStep, ScoringMethod

if TYPE_CHECKING:
    from acdc_custom.engine.caches import Caches


def _score(chunks: Sequence[Caches], earlier: Mapping[Edge, float], on_step: OnStep) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import attribute, clean_point

    yield from attribute(chunks, clean_point, on_step).items()


METHOD = ScoringMethod(
    name="eap",
    title="EAP",
    about="edge attribution patching: the gradient of the logit difference on the clean prompts",
    source="Syed et al. 2023, arXiv 2310.10348",
    unit="logits",
    score=_score,
    n_steps=len,
)
