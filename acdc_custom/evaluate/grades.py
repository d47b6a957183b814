"""How a number with an interval is graded, and how it is put into a sentence.

Owns the thresholds of a recovered share, and the rule that an interval decides and not its middle.
"""

from __future__ import annotations

from acdc_custom.evaluate.kinds import Grade, Subject
from acdc_custom.evaluate.records import Faithfulness, OnPrompts
from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import size_of

NEARLY_ALL = 0.9  # recovered: at least this, and no more than 2 - this, is "nearly as well as the model"
MOST = 0.7  # the same for "most of it"


def grade_faithfulness(recovered: Estimate | None) -> Grade:
    """Of a recovered share; above 1 the circuit overshoots the model, which is as wrong as falling short.

    The end of the interval that is further from 1 decides, so that a grade is sure. Unknown where the share is not
    defined, and where the answer may be "no" and may be better.
    """
    if recovered is None:
        return Grade.UNKNOWN
    missing = missing_of(recovered)
    best, worst = grade_of(missing.low), grade_of(missing.high)
    return Grade.UNKNOWN if worst is Grade.BAD and best is not Grade.BAD else worst


def grade_of(missing: float) -> Grade:
    """Of a share that is so far from 1."""
    return Grade.GOOD if missing <= 1 - NEARLY_ALL else Grade.PARTLY if missing <= 1 - MOST else Grade.BAD


def missing_of(recovered: Estimate) -> Estimate:
    """How far from 1; where the interval has 1 within it, from 0 on."""
    return size_of(Estimate(1 - recovered.value, 1 - recovered.high, 1 - recovered.low))


def measured_of(on: OnPrompts, subject: Subject) -> Faithfulness:
    """Of the model, the circuit or no edges."""
    found = on.of(subject)
    assert found is not None  # model, circuit and no edges are run on every set
    return found


def percent(estimate: Estimate | None) -> str:
    """`85% (77% to 93%)`."""
    if estimate is None:
        return "(not defined here)"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def number(estimate: Estimate) -> str:
    """`0.274 (0.167 to 0.424)`."""
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
