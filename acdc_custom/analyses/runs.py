"""The two runs of a patching experiment: the one that is patched, and the one that the patches come from.

Owns which is which, and when there is nothing to patch.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.analyses.rerun import Base
from acdc_custom.choices import Direction
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError

SMALLEST_GAP = 1e-6  # logits: below this the two runs do not differ, and there is nothing to bring back


@dataclass(frozen=True)
class Runs:
    """The run that is patched, and the run that patches come from."""

    prepared: PreparedBatch
    direction: Direction
    base: Base
    source: Base

    @classmethod
    def of(cls, prepared: PreparedBatch, direction: Direction) -> Runs:
        """Both runs, up to where the first token of each answer comes that differs from the foil.

        Raises `UsageError` if they do not differ in their logit difference.
        """
        prepared = prepared.at_contrast
        clean, corrupted = Base.clean(prepared), Base.corrupted(prepared)
        gap = prepared.full.logit_diff - prepared.corrupted.logit_diff
        if abs(gap) < SMALLEST_GAP:
            raise UsageError(
                "the clean and the corrupted run have the same logit difference, so patching cannot bring any of it "
                f"back. Choose another --corruption; this task has: {', '.join(prepared.task.corruptions)}."
            )
        if direction is Direction.DENOISING:
            return cls(prepared, direction, corrupted, clean)
        return cls(prepared, direction, clean, corrupted)

    @property
    def n_layers(self) -> int:
        """How many layers there are to patch."""
        return len(self.base.layers)

    @property
    def first_difference(self) -> int:
        """The first position at which the runs of some prompt differ: before it there is nothing to patch."""
        return int(self.prepared.tokens.changed.int().argmax(1).min())
