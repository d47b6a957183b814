"""Why a head has no role: what it lacks, in words for people.

Owns the sentence. It is made from the head's evidence alone, so that it says nothing that was not measured; what roles
ask for, and which role a head comes closest to, is `roles.py`'s business. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Evidence, Measure, Role

WEAK = 0.5  # of a threshold: a head that nowhere reaches as much is near to nothing
_FOR_MOVERS = (Measure.QUERY_EFFECT, Measure.ATTENTION_CHANGE)


def why_none(
    head: Sender,
    closest: Role,
    evidence: Mapping[Role, Sequence[Evidence]],
    lacking: Mapping[Role, Sequence[Measure]],
) -> str:
    """What speaks against any role: clauses with semicolons between them, without a full stop.

    By role, `evidence` is all that was measured, and `lacking` what it asks for that was not.
    """
    return "; ".join(_clauses(head, closest, evidence, lacking))


def _clauses(
    head: Sender,
    closest: Role,
    evidence: Mapping[Role, Sequence[Evidence]],
    lacking: Mapping[Role, Sequence[Measure]],
) -> Iterator[str]:
    if head.layer == 0:
        yield "in layer 0, it reads tokens and their positions alone"
    every = [e for of in evidence.values() for e in of]
    if every and max(e.reached for e in every) < WEAK:
        strongest = max(every, key=lambda e: e.reached)
        yield f"no score reaches half of its threshold: the nearest, {_lack(strongest)}"
        return
    too_weak = [_lack(e) for e in evidence[closest] if not e.passed]
    yield f"closest to {closest}, but {', '.join([*too_weak, *_unmeasured(lacking[closest])])}"
    for role, of in evidence.items():
        if role is not closest and all(e.passed for e in of) and lacking[role] == list(_FOR_MOVERS):
            yield f"{role} cannot be told: {', '.join(_unmeasured(lacking[role]))}"
    if closest is not Role.NEGATIVE_NAME_MOVER:
        # Its need has no direction: whether the logits read the head at all.
        for e in evidence[Role.NEGATIVE_NAME_MOVER]:
            if e.measure is Measure.DIRECT_EFFECT and e.passed:
                yield f"its direct effect of {e.value:.1f} % is real, but of none of these kinds"


def _lack(evidence: Evidence) -> str:
    """`copy score is 0.24 (needs at least 0.5)`."""
    needs = f"needs {evidence.asked}"
    if evidence.reached >= 1 and evidence.control is not None:
        needs = f"random tokens give up to {evidence.control.high:.2g}{evidence.unit}"
    return f"{evidence.name} is {_value(evidence)} ({needs})"


def _value(evidence: Evidence) -> str:
    """To three digits, so that what is short of a threshold does not look as if it reached it."""
    return (f"{evidence.value:.3g}" if abs(evidence.value) >= 0.001 else "0.00") + evidence.unit


def _unmeasured(lacking: Sequence[Measure]) -> Iterator[str]:
    if any(measure in _FOR_MOVERS for measure in lacking):
        yield "no mover is known that comes after it, whose queries it could steer"
    if names := [measure.in_words for measure in lacking if measure not in _FOR_MOVERS]:
        yield f"{' and '.join(names)} could not be measured, since the task names no such word"
