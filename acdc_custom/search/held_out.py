"""What a circuit does on prompts that the search has not seen.

Owns the scoring of a circuit on a draw of prompts: those that are to choose among circuits, and those for the test. A
search that has ended is not lost because there is no room for all of them: they are then run some at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import Circuit, TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import PreparedBatch, run_batch
from acdc_custom.engine.scores import CircuitScorer, PromptScores
from acdc_custom.errors import NoRoom
from acdc_custom.graph import Edge
from acdc_custom.stats.ratio import ratio
from acdc_custom.task.batch import Batch
from acdc_custom.task.selection import Draw


class Scorer(Protocol):
    """Runs circuits on some prompts: see `CircuitScorer`."""

    full: PromptScores
    empty: PromptScores

    def __call__(self, edges: Iterable[Edge]) -> PromptScores:
        """The circuit of these edges."""


class InPieces:
    """Runs circuits on prompts that have no room all at once: on one piece of them after the other, each made anew."""

    def __init__(self, pieces: Sequence[Batch], scorer_of: Callable[[Batch], CircuitScorer]) -> None:
        self._pieces, self._scorer_of = pieces, scorer_of
        ends = [self._ends(piece) for piece in pieces]
        self.full, self.empty = (_joined(scores) for scores in zip(*ends, strict=True))

    def __call__(self, edges: Iterable[Edge]) -> PromptScores:
        """The circuit of these edges."""
        kept = tuple(edges)
        return _joined([self._scorer_of(piece)(kept) for piece in self._pieces])

    def _ends(self, piece: Batch) -> tuple[PromptScores, PromptScores]:
        scorer = self._scorer_of(piece)  # of this call alone: the next piece needs its memory
        return scorer.full, scorer.empty


def _joined(pieces: Sequence[PromptScores]) -> PromptScores:
    return PromptScores(
        np.concatenate([piece.kl for piece in pieces]), np.concatenate([piece.logit_diff for piece in pieces])
    )


def prepare_draw(found_on: PreparedBatch, settings: SearchSettings, draw: Draw) -> Scorer | None:
    """What scores circuits on the prompts of another draw, with the settings of the search; None: it has no prompts.

    Raises `NoRoom` where one prompt alone does not fit, or where the prompts do not fit at once and the ablation needs
    them all.
    """
    if not settings.prompts.held_out:
        return None
    task, model = found_on.task, found_on.model
    batch = task.select(model.tokenizer, settings.prompts, draw=draw)
    if not batch.prompts:
        return None
    ablation, knocked_out = Ablation(settings.ablation), found_on.knocked_out

    def scorer_of(prompts: Batch) -> CircuitScorer:
        return CircuitScorer(run_batch(task, prompts, model, ablation, settings.memory_limit, knocked_out=knocked_out))

    size = len(batch.prompts)
    while True:
        pieces = [
            replace(batch, prompts=batch.prompts[first : first + size]) for first in range(0, len(batch.prompts), size)
        ]
        try:
            return scorer_of(batch) if len(pieces) == 1 else InPieces(pieces, scorer_of)
        except NoRoom:
            if size == 1 or ablation.is_mean:
                raise
        size = -(-size // 2)


def score(scorer: Scorer, circuit: Circuit) -> TestOutcome:
    """What a circuit does on these prompts."""
    return score_edges(scorer, (kept.edge for kept in circuit.edges))


def score_edges(scorer: Scorer, edges: Iterable[Edge]) -> TestOutcome:
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
