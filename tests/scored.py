"""Prompts made ready for methods that score edges."""

from __future__ import annotations

from collections.abc import Sequence

from tiny import MAX_POSITIONS, VOCAB, TinyPrompt

from acdc_custom.choices import Ablation
from acdc_custom.engine.ablation import prepare_ablation
from acdc_custom.engine.caches import Caches, build_caches
from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Sender
from acdc_custom.model.model import Model


def chunks_of(
    model: Model,
    prompts: Sequence[TinyPrompt],
    ablation: Ablation = Ablation.CORRUPTED,
    size: int = 99,
    knocked_out: Sequence[Sender] = (),
) -> list[Caches]:
    """So many prompts at a time."""
    parts = token_batch(prompts, MAX_POSITIONS, VOCAB, model.device).chunks(size)
    carried = prepare_ablation(ablation, model.weights, parts)
    return [build_caches(model, part, carried, knocked_out) for part in parts]
