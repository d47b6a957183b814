"""The job: path patching on a prepared batch, at positions that the task names, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from acdc_custom.choices import Effect
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.graph import LOGITS, Receiver, Sender
from acdc_custom.heads.patch_table import PatchRow, PatchTable
from acdc_custom.heads.path_patching import path_patch
from acdc_custom.heads.walk import run_passes
from acdc_custom.progress.protocol import Progress, silent

EVERYWHERE = "every position"


def patch_paths(
    prepared: PreparedBatch,
    senders: Sequence[Sender],
    receivers: Sequence[Receiver],
    positions: Sequence[str] = (),
    effect: Effect | str = Effect.DIRECT,
    on_progress: Progress = silent,
) -> PatchTable:
    """Patch each sender's paths to the receivers, which are patched together, and see what becomes of the answer.

    `positions` are named positions of the task at which the receivers read the patched input, none of them: everywhere;
    the logits are read at END in any case. Raises `UsageError` for what is not in the model or the task, or a sender
    that comes after all receivers.
    """
    effect = Effect(effect)
    tokens, batch = prepared.tokens, prepared.batch
    patched = path_patch(
        run_passes(prepared.model, tokens),
        senders,
        receivers,
        _places(prepared, positions),
        effect,
        lambda more: on_progress("Patching", more, len(set(senders))),
    )
    logit_diffs, clean = patched.logit_diffs(tokens)
    changes = patched.changes().tolist()
    return PatchTable(
        task=prepared.task.name,
        corruption=batch.corruption,
        model=prepared.model.name,
        n=len(batch.prompts),
        seed=batch.seed,
        receivers=tuple(receivers),
        position="END" if LOGITS in receivers else ", ".join(positions) or EVERYWHERE,
        effect=effect,
        clean_logit_diff=float(clean.mean()),
        rows=tuple(
            PatchRow(sender, value, change)
            for sender, value, change in zip(patched.senders, logit_diffs.mean(-1).tolist(), changes, strict=True)
        ),
    )


def _places(prepared: PreparedBatch, names: Sequence[str]) -> Tensor | None:
    """`[prompt, name]`."""
    known = list(prepared.batch.prompts[0].positions)
    for name in names:
        if name not in known:
            raise UsageError(
                f'no position is called "{name}".{did_you_mean(name, known)} The task has: {", ".join(known)}.'
            )
    if not names:
        return None
    rows = [[prompt.positions[name] for name in names] for prompt in prepared.batch.prompts]
    return torch.tensor(rows, device=prepared.model.device)
