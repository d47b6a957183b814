"""How the bundled model does a task, measured: its circuit, the roles of its heads, and what knocking heads out shows.

Owns the measurements behind the model card's section on mechanisms. Roles are those of `acdc-custom roles`; the
knock-outs are an experiment of their own, that would show if a role were given in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acdc_custom.circuit.circuit import Circuit, TestOutcome
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.knock_out import KnockOut
from acdc_custom.engine.performance import task_performance
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.engine.scores import CircuitScorer
from acdc_custom.graph import Sender
from acdc_custom.heads.attention import attention_from, attention_to_subject
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.table import HeadTable
from acdc_custom.heads.words import WordPart, cast_of
from acdc_custom.model.layers import Replaced, layers
from acdc_custom.model.model import Model
from acdc_custom.search.discover import search
from acdc_custom.search.held_out import score
from acdc_custom.task import Task

THRESHOLD = 0.01
TEST_SEED = 1000  # of the prompts that a circuit is tried on


@dataclass(frozen=True)
class Moved:
    """Some movers' attention from END, mean over movers and prompts, in the model and with other heads knocked out."""

    to_answer: tuple[float, float]
    to_foil: tuple[float, float]


@dataclass(frozen=True)
class KnockedOut:
    """The model without some heads, which write what they write on the corrupted prompts."""

    heads: tuple[Sender, ...]
    logit_diff: float
    movers: Moved | None  # None: there are none


@dataclass(frozen=True)
class Mechanism:
    """A task's circuit, what it recovers on other prompts, and its heads."""

    circuit: Circuit
    test: TestOutcome  # on new prompts
    heads: HeadTable
    knocked_out: dict[Role, KnockedOut]  # of each role that a head has, all these heads at once


def mechanism(task: Task, model: Model, n: int | None = None) -> Mechanism:
    """Search, measure the roles of the circuit's heads, and knock out those of each role together.

    Raises an `AcdcError` for a task that does not fit the model.
    """
    prepared = prepare_batch(task, model, n=n)
    circuit = search(prepared, SearchSettings(threshold=THRESHOLD))
    test = score(CircuitScorer(prepare_batch(task, model, n=n, seed=TEST_SEED)), circuit)
    heads = find_roles(prepared, circuit)
    knocked_out: dict[Role, KnockedOut] = {}
    for role in Role:
        of_role = tuple(row.head for row in heads.rows if role in (row.role, *row.also))
        if of_role and role is not Role.UNCLASSIFIED:
            knocked_out[role] = knock_out(prepared, of_role, heads.movers)
    return Mechanism(circuit, test, heads, knocked_out)


@torch.no_grad()
def knock_out(prepared: PreparedBatch, heads: Sequence[Sender], movers: Sequence[Sender]) -> KnockedOut:
    """What the model does without these heads, and where the movers then look; movers among `heads` are left out."""
    without = task_performance(prepared.chunks, [KnockOut(chunk, heads).without(heads) for chunk in prepared.chunks])
    cast = cast_of(prepared.task, prepared.batch, prepared.model.tokenizer)
    looking = [mover for mover in movers if mover not in heads]
    moved = None
    if looking:
        patterns = [_from_end(prepared, of, looking) for of in ((), heads)]  # each [mover, prompt, key]
        answer, foil = (
            tuple(sum(float(attention_to_subject(p, s).mean()) for s in cast.of(part)) for p in patterns)
            for part in (WordPart.ANSWER, WordPart.FOIL)
        )
        moved = Moved((answer[0], answer[1]), (foil[0], foil[1]))
    return KnockedOut(tuple(heads), without.logit_diff, moved)


def _from_end(prepared: PreparedBatch, heads: Sequence[Sender], movers: Sequence[Sender]) -> Tensor:
    """The movers' attention from END when `heads` write what they write on the corrupted prompts."""
    weights, tokens = prepared.model.weights, prepared.tokens
    corrupted = list(layers(weights, tokens.corrupted))
    written = {(h.layer, h.head): corrupted[h.layer].head_outputs([h.head])[0] for h in heads}
    return attention_from(
        list(layers(weights, tokens.clean, Replaced(written, {}))),
        movers,
        tokens.answer_positions[:, 0].tolist(),
    )
