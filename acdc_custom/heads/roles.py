"""From measurements to roles.

Owns what each role asks for, as a table, and the verdict. A role is given when every one of its needs is met: the
number is beyond its threshold, and beyond the 95th percentile of what random tokens give where there is such a control.
The papers describe classes of heads and give their heads' scores, but no thresholds: those are ours, set well below
what the papers report of such heads and above what they report of others. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Bound, Evidence, Measure, NullDistribution, Role, Score, Whose
from acdc_custom.heads.unclassified import why_none

Scores = Mapping[Sender, Mapping[Measure, Score]]


@dataclass(frozen=True)
class Need:
    """One number that a role asks for."""

    measure: Measure
    bound: Bound
    threshold: float
    whose: Whose = Whose.OURS


_AT_LEAST, _AT_MOST, _SIZE = Bound.AT_LEAST, Bound.AT_MOST, Bound.SIZE_AT_LEAST
NEEDS: dict[Role, tuple[Need, ...]] = {
    Role.NAME_MOVER: (
        Need(Measure.DIRECT_EFFECT, _AT_MOST, -2.0),
        Need(Measure.COPY, _AT_LEAST, 0.5),
        Need(Measure.ATTENTION_TO_ANSWER, _AT_LEAST, 0.1),
    ),
    Role.NEGATIVE_NAME_MOVER: (
        Need(Measure.DIRECT_EFFECT, _SIZE, 2.0),
        Need(Measure.NEGATIVE_COPY, _AT_LEAST, 0.5),
        Need(Measure.ATTENTION_TO_WORD, _AT_LEAST, 0.1),
    ),
    Role.CUE_MOVER: (
        Need(Measure.DIRECT_EFFECT, _AT_MOST, -2.0),
        Need(Measure.ANSWER_FROM_CUE, _AT_LEAST, 0.1),
        Need(Measure.ATTENTION_TO_CUE, _AT_LEAST, 0.1),
    ),
    Role.S_INHIBITION: (
        Need(Measure.QUERY_EFFECT, _AT_MOST, -2.0),
        Need(Measure.ATTENTION_TO_TELLING, _AT_LEAST, 0.1),
        Need(Measure.ATTENTION_CHANGE, _AT_MOST, -0.01),
    ),
    Role.INDUCTION: (Need(Measure.INDUCTION, _AT_LEAST, 0.4),),
    Role.DUPLICATE_TOKEN: (Need(Measure.DUPLICATE_TOKEN, _AT_LEAST, 0.4),),
    Role.PREVIOUS_TOKEN: (Need(Measure.PREVIOUS_TOKEN, _AT_LEAST, 0.4),),
}
MOVERS = (Role.NAME_MOVER, Role.CUE_MOVER)


@dataclass(frozen=True)
class Verdict:
    """A head's role, and why.

    `evidence` is that of `role` and of the roles in `also`; for an unclassified head, that of the role that it comes
    closest to, and `why` says in words what it lacks.
    """

    role: Role
    also: tuple[Role, ...]
    evidence: tuple[Evidence, ...]
    why: str = ""


def classify(scores: Scores, sample: Collection[Sender] | None = None) -> dict[Sender, Verdict]:
    """A verdict on every head, each compared with the heads of the `sample`, which stand for all (None: they are all).

    A head's rank is among all that were measured.
    """
    standing = scores if sample is None else {head: scores[head] for head in scores if head in set(sample)}
    return {head: _verdict(head, scores, standing) for head in scores}


def _verdict(head: Sender, scores: Scores, sample: Scores) -> Verdict:
    evidence = {role: _evidence(role, needs, head, scores, sample) for role, needs in NEEDS.items()}
    fits = [role for role, of in evidence.items() if len(of) == len(NEEDS[role]) and all(e.passed for e in of)]
    if fits:
        return Verdict(fits[0], tuple(fits[1:]), tuple(e for role in fits for e in evidence[role]))
    closest = max(NEEDS, key=lambda role: _closeness(NEEDS[role], evidence[role]))
    lacking = {role: [n.measure for n in needs if n.measure not in scores[head]] for role, needs in NEEDS.items()}
    return Verdict(Role.UNCLASSIFIED, (), evidence[closest], why_none(head, closest, evidence, lacking))


def _closeness(needs: Sequence[Need], evidence: Sequence[Evidence]) -> float:
    """How much of what a role asks for is there, from 0 to 1: what was not measured counts as nothing."""
    shares = {e.measure: min(1.0, e.reached) for e in evidence}
    return fmean(shares.get(need.measure, 0.0) for need in needs)


def _evidence(role: Role, needs: Sequence[Need], head: Sender, scores: Scores, sample: Scores) -> tuple[Evidence, ...]:
    """As far as a role's needs have been measured of this head."""
    return tuple(_compared(role, need, head, scores, sample) for need in needs if need.measure in scores[head])


def _compared(role: Role, need: Need, head: Sender, scores: Scores, sample: Scores) -> Evidence:
    own, strength = scores[head][need.measure], need.bound.strength
    every = [strength(of[need.measure].value) for of in scores.values() if need.measure in of]
    others = [strength(of[need.measure].value) for other, of in sample.items() if other != head and need.measure in of]
    controls = [of[need.measure].control for of in sample.values() if need.measure in of]
    # By chance a number is as large in either direction: the size of what random tokens give is what counts.
    known = [abs(control) for control in controls if control is not None]
    return Evidence(
        role=role,
        measure=need.measure,
        at=own.at,
        value=own.value,
        bound=need.bound,
        threshold=need.threshold,
        whose=need.whose,
        others=NullDistribution.of(others),
        rank=1 + sum(other > strength(own.value) for other in every),
        measured=len(every),
        control=NullDistribution.of(known),
    )
