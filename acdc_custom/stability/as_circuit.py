"""The consensus as a circuit like any other, which is what its folder holds.

Owns how the records of many searches become one. Its behaviour is measured on the prompts of a run that varies nothing,
which are those that all runs drew theirs from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import torch

from acdc_custom.circuit.circuit import Circuit, Outcome, SearchRecord
from acdc_custom.circuit.members import Part
from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.metrics import prepare
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.stability.consensus import consensus_edges
from acdc_custom.stability.record import FinishedRun, Stability
from acdc_custom.task.batch import answer_tokens


@torch.no_grad()
def consensus_circuit(stability: Stability, runs: Sequence[FinishedRun], prepared: PreparedBatch) -> Circuit:
    """The consensus as a circuit like any other, with the provenance of a run that varies nothing."""
    searches = [run.circuit.search for run in runs if run.varied == stability.varied]
    edges = consensus_edges(stability.shares[Part.EDGES], stability.share)
    metric, weights = stability.provenance.settings.parsed_metric, prepared.model.weights
    before, after = [], []
    for chunk in prepared.chunks:
        objective = prepare(metric, weights, chunk.tokens, chunk.model_normed)
        normed = run_circuit(prepared.model, chunk.tokens, [kept.edge for kept in edges], chunk.carried)
        before.append(objective(chunk.model_normed[None]))
        after.append(objective(normed[None]))
    decided, stages = Counter[str](), Counter[str]()
    for search in searches:
        decided.update(search.decided)
        stages.update(search.stages)
    margins = [search.closest_margin for search in searches if search.closest_margin is not None]
    return Circuit(
        shape=stability.shape,
        edges=edges,
        provenance=stability.provenance,
        outcome=Outcome(
            metric_before=float(torch.cat(before, dim=-1).mean()),
            metric_after=float(torch.cat(after, dim=-1).mean()),
            model=stability.full,
            circuit=stability.chosen.behaviour,
            empty=stability.empty,
            answer_tokens=answer_tokens(prepared.batch.prompts),
        ),
        search=SearchRecord(
            unit=searches[0].unit,
            evaluations=sum(search.evaluations for search in searches),
            decided=dict(decided),
            closest_margin=min(margins, default=None),
            noise=max(search.noise for search in searches),
            within_noise=sum(search.within_noise for search in searches),
            seconds=math.fsum(search.seconds for search in searches),
            stages=dict(stages),
            runs=len(searches),
            share=stability.share,
        ),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spans=stability.spans,
    )
