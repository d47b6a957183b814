"""What a page says of an evaluation: the answers, where the circuit stands among random ones, the hypothesis tests.

Owns the columns and which direction of a p-value speaks for the circuit. The answers are the evaluation's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.errors import count
from acdc_custom.evaluate.hypotheses import ALPHA
from acdc_custom.evaluate.kinds import PromptKind
from acdc_custom.evaluate.records import Evaluation, Finding, RandomCircuits, RandomComparison, Tested
from acdc_custom.stats.intervals import FEWEST_DRAWS


@dataclass(frozen=True)
class RandomLine:
    """One kind of random circuits. Ranges are from the 5th to the 95th percentile."""

    kind: str
    about: str
    own: str  # the circuit's KL, in nats
    theirs: str  # the mean of theirs, and their range
    p: str
    p_logit_diff: str
    meaning: str


@dataclass(frozen=True)
class TestLine:
    """One hypothesis test."""

    name: str
    null: str
    p: str
    meaning: str
    details: str


@dataclass(frozen=True)
class EvaluationSection:
    """All that a page shows of an evaluation."""

    where: str  # on which prompts
    findings: tuple[Finding, ...]
    random: tuple[RandomLine, ...]
    draws: int  # random circuits of a kind
    tests: tuple[TestLine, ...]
    alpha: float
    notes: tuple[str, ...]


def believed_of(evaluation: Evaluation) -> EvaluationSection:
    """What is shown."""
    main = evaluation.main
    return EvaluationSection(
        where=(
            f"{main.n:,} new prompts, which the search has not seen"
            if main.kind is PromptKind.FRESH
            else f"the {count(main.n, 'prompt')} that the circuit was found on, since there are no new ones"
        ),
        findings=evaluation.findings,
        random=tuple(map(_random, evaluation.random)),
        draws=evaluation.source.draws,
        tests=tuple(map(_test, evaluation.tests)),
        alpha=ALPHA,
        notes=evaluation.notes,
    )


def _random(random: RandomCircuits) -> RandomLine:
    kl = random.kl
    if not random.enough:
        are = "is" if random.n == 1 else "are"
        few = f"unknown: there {are} only {random.n} of this kind, and it takes {FEWEST_DRAWS} to tell"
        return RandomLine(random.drawn, random.drawn.about, f"{kl.observed:.3g}", _range(kl), "-", "-", few)
    meaning = (
        "for the circuit: random ones hardly ever come as near to the model"
        if kl.p <= ALPHA
        else "not for the circuit: random ones come as near to the model"
    )
    return RandomLine(
        random.drawn, random.drawn.about, f"{kl.observed:.3g}", _range(kl), _p(kl.p), _p(random.absolute.p), meaning
    )


def _test(test: Tested) -> TestLine:
    meaning = (
        f"against the circuit: {test.hypothesis.rejected}"
        if test.p <= ALPHA
        else f"not against the circuit: {test.hypothesis.retained}"
    )
    return TestLine(test.hypothesis, test.hypothesis.null, _p(test.p), meaning, test.details)


def _range(of: RandomComparison) -> str:
    return f"{of.mean:.3g} ({of.low:.3g} to {of.high:.3g})"


def _p(p: float) -> str:
    return f"{p:.2g}"
