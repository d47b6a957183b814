"""The job: path patching on a prepared batch, at positions or spans that the task names, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from acdc_custom.choices import Effect
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.graph import LOGITS, Place, Reading, Receiver, Sender
from acdc_custom.heads.names import check_readings
from acdc_custom.heads.patch_table import PatchRow, PatchTable
from acdc_custom.heads.path_patching import path_patch, read_at
from acdc_custom.heads.walk import run_passes
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.task.spans import END

EVERYWHERE = "every position"


def patch_paths(
    prepared: PreparedBatch,
    senders: Sequence[Sender | Place],
    receivers: Sequence[Receiver | Reading],
    positions: Sequence[str] = (),
    effect: Effect | str = Effect.DIRECT,
    on_progress: Progress = silent,
) -> PatchTable:
    """Patch each sender's paths to the receivers, which are patched together, and see what becomes of the answer.

    `positions` are named positions of the task at which the receivers read the patched input, none of them: everywhere;
    the logits are read at END in any case, which of an answer of several tokens is where the first comes in which it
    differs from the foil. A sender at a span is patched at its tokens alone, and a receiver at a span
    reads there; prompts without the span stay as they are. Raises `UsageError` for what is not in the model or the
    task, or a sender that comes after all receivers.
    """
    effect, prepared = Effect(effect), prepared.at_contrast
    tokens, batch = prepared.tokens, prepared.batch
    readings = [Reading.of(receiver) for receiver in receivers]
    check_readings(readings, positions)
    places = _places(prepared, positions)
    patched = path_patch(
        run_passes(prepared.model, tokens),
        senders,
        readings,
        places,
        effect,
        lambda more: on_progress("Patching", more, len(set(map(Place.of, senders)))),
    )
    logit_diffs, clean = patched.logit_diffs(tokens)
    changes = patched.changes().tolist()
    return PatchTable(
        task=prepared.task.name,
        corruption=batch.corruption,
        model=prepared.model.name,
        n=len(batch.prompts),
        seed=batch.seed,
        receivers=tuple(reading.receiver for reading in readings),
        read_at=_read_at(readings, positions),
        effect=effect,
        clean_logit_diff=float(clean.mean()),
        rows=tuple(
            PatchRow(place.node, value, change, place.span)
            for place, value, change in zip(patched.places, logit_diffs.mean(-1).tolist(), changes, strict=True)
        ),
        unreached=() if effect is Effect.TOTAL else _unreached(prepared, patched.places, readings, places),
    )


def _read_at(readings: Sequence[Reading], positions: Sequence[str]) -> tuple[str, ...]:
    """Where each receiver reads what is patched, in words."""
    everywhere = ", ".join(positions) or EVERYWHERE
    return tuple(END if reading.receiver == LOGITS else reading.span or everywhere for reading in readings)


def _unreached(
    prepared: PreparedBatch, senders: Sequence[Place], readings: Sequence[Reading], positions: Tensor | None
) -> tuple[str, ...]:
    """The spans of senders that have no token in common with any at which a receiver reads what is patched."""
    read = torch.stack(list(read_at(prepared.tokens, readings, positions).values())).any(0)
    spans = dict.fromkeys(place.span for place in senders if place.span)
    return tuple(span for span in spans if not bool((prepared.tokens.within(span) & read).any()))


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
