"""Which heads are measured, and which of them stand for all heads of the model.

Owns the draw. The heads that somebody asks about are measured each by itself, whatever the draw; what their numbers are
compared with is told by a random sample of the model's heads, drawn alike from all of them with a seed. Imports no
torch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from acdc_custom.graph import Graph, Sender, Stage

SAMPLE = 60  # of 59 heads or more, the strongest is beyond the 95th percentile of all with a probability above 95 %


@dataclass(frozen=True)
class MeasuredHeads:
    """Heads in topological order. `all` are measured: those `asked` for, and the `sample` that stands for the model."""

    asked: tuple[Sender, ...]
    sample: tuple[Sender, ...]
    in_model: int  # heads that the model has

    @property
    def is_whole(self) -> bool:
        """Whether every head of the model was asked for."""
        return len(self.asked) == self.in_model

    @property
    def all(self) -> list[Sender]:
        """Each of them once."""
        return sorted({*self.asked, *self.sample})

    @classmethod
    def of(cls, graph: Graph, asked: Sequence[Sender] | None = None, seed: int = 0) -> MeasuredHeads:
        """The heads `asked` for (None: every head of the model), and `SAMPLE` heads of the model's, or all it has.

        When all are measured in any case, all are the sample.
        """
        heads = [sender for sender in graph.senders if sender.stage is Stage.HEAD]
        chosen = heads if asked is None else sorted(set(asked))
        if len(chosen) == len(heads) or len(heads) <= SAMPLE:
            return cls(tuple(chosen), tuple(heads), len(heads))
        return cls(tuple(chosen), tuple(sorted(random.Random(seed).sample(heads, SAMPLE))), len(heads))
