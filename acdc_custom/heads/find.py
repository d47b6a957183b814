"""The job: from a prepared batch to a table of heads with their roles.

Owns which heads are in the table, and the notes: what these roles cannot show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from acdc_custom.choices import Metric, Ranking
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import UsageError
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import DEFINITIONS, Role
from acdc_custom.heads.measure import HeadMeasurements, measure_heads
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.table import HeadRow, HeadTable, TableSource
from acdc_custom.heads.words import PromptWords, cast_of
from acdc_custom.progress.protocol import Progress, silent


def find_roles(
    prepared: PreparedBatch,
    circuit: Circuit | None = None,
    heads: Sequence[Sender] | None = None,
    on_progress: Progress = silent,
) -> HeadTable:
    """What each head does: a role where the evidence is strong enough, and the evidence.

    `heads` are those in the table, by default the circuit's, or the model's without a circuit. They and the circuit's
    are measured, each by itself, and the movers are looked for among them. Since a number means something beside others
    only, so is a sample of the model's heads (`sample.py`), drawn with the batch's seed. With an answer of several
    tokens, END is where the first comes that differs from the foil. Raises `UsageError` when the model's logit
    difference is zero.
    """
    asked_of, prepared = prepared.batch, prepared.at_contrast
    batch, model = prepared.batch, prepared.model
    if prepared.full.logit_diff == 0:
        raise UsageError("the model's logit difference is zero on these prompts: there is nothing to explain.")
    cast = cast_of(prepared.task, batch, model.tokenizer)
    in_circuit = set() if circuit is None else set(circuit_heads(circuit))
    chosen = sorted(heads) if heads else sorted(in_circuit) if circuit else None
    asked = None if chosen is None else [*chosen, *in_circuit]
    measured = measure_heads(model, prepared.tokens, batch.prompts, cast, asked, batch.seed, on_progress)
    return HeadTable(
        source=TableSource(
            task=prepared.task.name,
            corruption=batch.corruption,
            n=len(batch.prompts),
            seed=batch.seed,
            batch_sha256=asked_of.sha256,
            model=model.name,
            weights_sha256=model.fingerprint,
            logit_diff=measured.logit_diff,
            measured=len(measured.scores),
            of_heads=measured.heads.in_model,
            definitions=DEFINITIONS,
        ),
        movers=measured.movers,
        notes=tuple(_notes(measured, cast, circuit)),
        rows=tuple(
            _row(head, head in in_circuit, measured, {} if circuit is None else circuit.written_at)
            for head in (measured.heads.asked if chosen is None else chosen)
        ),
    )


def _row(
    head: Sender, in_circuit: bool, measured: HeadMeasurements, written_at: Mapping[Sender, tuple[str, ...]]
) -> HeadRow:
    verdict = measured.verdicts[head]
    return HeadRow(
        head=head,
        in_circuit=in_circuit,
        role=verdict.role,
        also=verdict.also,
        scores=measured.scores[head],
        attention=measured.attention[head],
        correlation=measured.correlation[head],
        evidence=verdict.evidence,
        why=verdict.why,
        spans=written_at.get(head, ()),
    )


def _notes(measured: HeadMeasurements, cast: PromptWords, circuit: Circuit | None) -> Iterator[str]:
    if measured.logit_diff < 0:
        yield "The model does not do this task: it prefers the foil. Signs are those of a task that is done."
    if not cast.places:
        yield (
            "The task names no position that holds a word, and no prompt names its answer: copying and attention to "
            "words were not measured, so that movers and S-inhibition heads cannot be told."
        )
    elif not measured.movers:
        whole = circuit is None or measured.heads.is_whole
        yield (
            f"No head{' of the circuit' * (not whole)} is a mover, so that S-inhibition, which steers the movers' "
            f"queries, cannot be told.{' For movers anywhere in the model: --all-heads' * (not whole)}"
        )
    if circuit is not None and circuit.settings.metric == Metric.LOGIT_DIFF:
        yield (
            "The search minimised minus the logit difference: taking away a head that lowers it is an improvement, so "
            "negative name movers cannot be in this circuit. Search with --metric kl and a small --threshold."
        )
    elif circuit is not None and not _has_negative(measured, circuit):
        yield f"The circuit has no negative name mover. {_where_negative_ones_are(circuit)}"
    if measured.movers:
        names = ",".join(map(str, measured.movers))
        yield (
            "Backup heads take over only when the primary ones are gone, and show nothing before. Search again without "
            f"those: --knock-out {names}"
        )


def _where_negative_ones_are(circuit: Circuit) -> str:
    settings = circuit.settings
    if settings.threshold is None:
        signed = settings.ranking is Ranking.SIGNED
        return "Their scores are negative, and come last: see --ranking absolute." if signed else "See more --edges."
    return f"With {settings.metric} such heads are kept at small thresholds only; this one is {settings.threshold:g}."


def _has_negative(measured: HeadMeasurements, circuit: Circuit) -> bool:
    return any(measured.verdicts[head].role is Role.NEGATIVE_NAME_MOVER for head in circuit_heads(circuit))
