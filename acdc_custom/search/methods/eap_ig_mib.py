"""EAP-IG on inputs as the code has it that MIB pins (hannamw/EAP-IG, `get_scores_eap_ig`): its points start at the
ablated embedding itself, and leave out the clean one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore


def _score(asked: ToScore) -> Iterator[tuple[Edge, float]]:
    from acdc_custom.search.attribution import attribute, embedding_points

    yield from attribute(
        asked.chunks, partial(embedding_points, steps=asked.steps, first=0), asked.on_step, asked.spans
    ).items()


METHOD = ScoringMethod(
    name="eap-ig-mib",
    title="EAP-IG (MIB)",
    about="EAP with integrated gradients as the code of the MIB benchmark has it: k = 0 to --steps minus 1",
    source="Mueller et al. 2025, arXiv 2504.13151, by the code of Hanna et al. 2024, arXiv 2403.17806",
    unit="logits",
    score=_score,
    n_steps=len,
    points=5,
)
