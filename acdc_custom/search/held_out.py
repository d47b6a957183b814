"""What a circuit does on prompts that the search has not seen.

Owns the scoring of a circuit on a draw of prompts: those that are to choose among circuits, and those for the test.
"""

from __future__ import annotations

from collections.abc import Iterable

from acdc_custom.circuit.circuit import Circuit, TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import PreparedBatch, run_batch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import Edge
from acdc_custom.stats.ratio import ratio
from acdc_custom.task.selection import Draw


def prepare_draw(found_on: PreparedBatch, settings: SearchSettings, draw: Draw) -> CircuitScorer | None:
    """What scores circuits on the prompts of another draw, with the settings of the search; None: it has no prompts."""
    if not settings.prompts.held_out:
        return None
    task, model = found_on.task, found_on.model
    batch = task.select(model.tokenizer, settings.prompts, draw=draw)
    if not batch.prompts:
        return None
    ablation, knocked_out = settings.ablation, found_on.knocked_out
    return CircuitScorer(run_batch(task, batch, model, ablation, settings.memory_limit, knocked_out=knocked_out))


def score(scorer: CircuitScorer, circuit: Circuit) -> TestOutcome:
    """What a circuit does on these prompts."""
    return score_edges(scorer, (kept.edge for kept in circuit.edges))


def score_edges(scorer: CircuitScorer, edges: Iterable[Edge]) -> TestOutcome:
    """What the circuit of these edges does on these prompts."""
    inside = scorer(edges)
    full, empty = scorer.full, scorer.empty
    return TestOutcome(
        n=len(full.logit_diff),
        model=full.behaviour(),
        circuit=inside.behaviour(),
        empty=empty.behaviour(),
        faithfulness=ratio(inside.logit_diff - empty.logit_diff, full.logit_diff - empty.logit_diff),
    )


def score_draw(found_on: PreparedBatch, settings: SearchSettings, circuit: Circuit, draw: Draw) -> TestOutcome | None:
    """What a circuit does on the prompts of a draw; None: it has none."""
    scorer = prepare_draw(found_on, settings, draw)
    return None if scorer is None else score(scorer, circuit)
