"""What TransformerBridge says of a batch when its hooks change something: the second way."""

from __future__ import annotations

from typing import Any

import torch

from acdc_custom.engine.prepared import PreparedBatch


def hooked_logit_diff(prepared: PreparedBatch, ids: Any, hooks: list[tuple[str, Any]]) -> float:
    """The mean logit difference on `ids` `[prompt, pos]`, with hooks."""
    with torch.no_grad():
        logits = prepared.model.bridge.run_with_hooks(ids, fwd_hooks=hooks)
    differences = []
    for row, prompt in enumerate(prepared.batch.prompts):
        last = logits[row, prompt.positions["END"]]
        differences.append(last[list(prompt.answer_ids)].mean() - last[list(prompt.foil_ids)].mean())
    return float(sum(differences)) / len(differences)
