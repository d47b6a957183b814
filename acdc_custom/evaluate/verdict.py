"""What an evaluation comes to, in words for people who have never read a paper on circuits.

Owns three of the five answers and their order; the other two are of `taken_apart.py`. The measures are the papers', the
thresholds are ours: they are here, in `grades.py` and `taken_apart.py`, and in docs/evaluate.md. Numbers with an
interval are judged by the interval, and what it leaves open is unknown. Works on records alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from acdc_custom.evaluate.grades import (
    NEARLY_ALL,
    grade_faithfulness,
    grade_of,
    measured_of,
    missing_of,
    number,
    percent,
)
from acdc_custom.evaluate.hypotheses import ALPHA
from acdc_custom.evaluate.kinds import Grade, PromptKind, Question, Subject
from acdc_custom.evaluate.records import Evaluation, Finding, OnPrompts, RandomCircuits
from acdc_custom.evaluate.taken_apart import complete, minimal
from acdc_custom.stats.intervals import FEWEST_DRAWS

KL_GONE = 0.5  # of the KL between no edges and the model: with less gone, the answer is right for other reasons
DROP = 0.1  # on new prompts more than on the discovery prompts: what is not recovered, or the KL that is left


def findings(evaluation: Evaluation) -> tuple[Finding, ...]:
    """The answers to all questions, in their order."""
    return (
        _faithful(evaluation),
        _general(evaluation),
        _special(evaluation),
        complete(evaluation),
        minimal(evaluation),
    )


def _faithful(evaluation: Evaluation) -> Finding:
    main = evaluation.main
    inside = measured_of(main, Subject.CIRCUIT)
    where = "on new prompts" if main.kind is PromptKind.FRESH else "on the prompts that it was found on"
    grade, recovered, left = grade_faithfulness(inside.normalised), inside.normalised, inside.kl_left
    nearly = recovered is not None and grade_of(abs(1 - recovered.value)) is Grade.GOOD
    if recovered is None:
        text = (
            f"It cannot be told: as far as these prompts show, the model does the task {where} no better than without "
            "any edge."
        )
    elif grade is Grade.UNKNOWN:
        text = f"There are too few prompts to tell how much of the task the circuit does {where}.{_more(main)}"
    elif grade is Grade.GOOD and (left is None or left.high > 1 - KL_GONE):
        grade = Grade.PARTLY
        are = "are not" if left is not None and left.low > 1 - KL_GONE else "may not be"
        text = f"The circuit answers {where} as well as the model, but its other predictions {are} the model's."
    elif recovered.low > 2 - NEARLY_ALL:
        text = f"The circuit overshoots {where}: it prefers the answer more than the model does."
    elif grade is Grade.PARTLY and nearly:
        text = (
            f"The circuit does most of the task {where}, and perhaps as well as the model: there are too few prompts "
            f"to tell.{_more(main)}"
        )
    else:
        text = {
            Grade.GOOD: f"The circuit does the task nearly as well as the model {where}.",
            Grade.PARTLY: f"The circuit does most of the task {where}, and not as well as the model.",
            Grade.BAD: f"The circuit does not do {where} what the model does.",
        }[grade]
    gone = "" if left is None else f", {1 - left.value:.1%} less than without edges"
    numbers = (
        f"recovers {percent(recovered)} of the logit difference; KL {number(inside.kl)} nats{gone}; "
        f"{inside.correct.value:.0%} correct"
    )
    return Finding(Question.FAITHFUL, grade, text, numbers)


def _more(on: OnPrompts) -> str:
    return " Give more, with --n." if on.kind is not PromptKind.DISCOVERY else ""


def _general(evaluation: Evaluation) -> Finding:
    others = [on for on in evaluation.prompts if on.kind not in (PromptKind.DISCOVERY, PromptKind.FRESH)]
    known = [on for on in others if measured_of(on, Subject.CIRCUIT).normalised is not None]
    grades = {on.name: grade_faithfulness(measured_of(on, Subject.CIRCUIT).normalised) for on in known}
    low = [name for name, grade in grades.items() if grade is Grade.BAD]
    unclear = [name for name, grade in grades.items() if grade is Grade.UNKNOWN]
    recovered = {on.name: measured_of(on, Subject.CIRCUIT).normalised for on in evaluation.prompts}
    numbers = "; ".join(f"{name} {percent(share)}" for name, share in recovered.items())
    drop, fresh = _drop(evaluation), evaluation.on(PromptKind.FRESH)
    if low and len(low) == len(known):
        return Finding(Question.GENERAL, Grade.BAD, "It does not hold on any other kind of prompts.", numbers)
    if low:
        text = f"It does not hold on all other prompts: not on {', '.join(low)}."
        return Finding(Question.GENERAL, Grade.PARTLY, text, numbers)
    if drop is Drop.SURE:
        text = "It does worse on new prompts than on those that it was found on: it fits its prompts."
        return Finding(Question.GENERAL, Grade.PARTLY, text, numbers)
    if drop is Drop.UNSURE:
        text = "It seems to do worse on new prompts, and there are too few prompts to be sure. Give more, with --n."
        return Finding(Question.GENERAL, Grade.UNKNOWN, text, numbers)
    if unclear:
        text = f"There are too few prompts to tell whether it holds on {_listed(unclear)}. Give more, with --n."
        return Finding(Question.GENERAL, Grade.UNKNOWN, text, numbers)
    if known:
        return Finding(Question.GENERAL, Grade.GOOD, "It holds on other kinds of prompts, too.", numbers)
    if fresh:
        if grade_faithfulness(measured_of(fresh, Subject.CIRCUIT).normalised) is Grade.UNKNOWN:
            text = "It cannot be told from these new prompts, and no other kind of prompts says more."
            return Finding(Question.GENERAL, Grade.UNKNOWN, text, numbers)
        rest = "on other kinds nothing can be recovered" if others else "no other kind of prompts was tried"
        text = f"It does as well on new prompts as on those that it was found on; {rest}."
        return Finding(Question.GENERAL, Grade.GOOD, text, numbers)
    text = "Whether it holds on other prompts is unknown: there were none to try."
    return Finding(Question.GENERAL, Grade.UNKNOWN, text, numbers)


class Drop(Enum):
    """Whether a circuit recovers less on new prompts than on those that it was found on."""

    NONE = auto()
    UNSURE = auto()  # it does, and that may be an accident of the prompts
    SURE = auto()


def _drop(evaluation: Evaluation) -> Drop:
    """By the share of the logit difference that is missing, and by the share of the KL between no edges and the model
    that is left; with their intervals, which may overlap by accident."""
    discovery, fresh = evaluation.prompts[0], evaluation.on(PromptKind.FRESH)
    if fresh is None:
        return Drop.NONE
    before, now = (measured_of(on, Subject.CIRCUIT) for on in (discovery, fresh))
    pairs = []
    if before.kl_left and now.kl_left:
        pairs.append((before.kl_left, now.kl_left))
    if before.normalised and now.normalised:
        pairs.append((missing_of(before.normalised), missing_of(now.normalised)))
    worse = [(was, now) for was, now in pairs if now.value > was.value + DROP]
    if any(now.low > was.high for was, now in worse):
        return Drop.SURE
    return Drop.UNSURE if worse else Drop.NONE


def _special(evaluation: Evaluation) -> Finding:
    main, inside = evaluation.main, measured_of(evaluation.main, Subject.CIRCUIT)
    better = [title for title, other in main.ranked.items() if other.kl.value < inside.kl.value]
    telling = [random for random in evaluation.random if random.enough]
    chance = [random for random in telling if random.kl.p > ALPHA]
    numbers = "; ".join(
        [
            *(f"{r.drawn}: KL {r.kl.mean:.3g} ({r.kl.low:.3g} to {r.kl.high:.3g}), {_p(r)}" for r in evaluation.random),
            *(f"{title}: KL {number(other.kl)}" for title, other in main.ranked.items()),
            f"the circuit: KL {number(inside.kl)}",
        ]
    )
    if not telling:
        why = f"there are fewer than {FEWEST_DRAWS} of any kind" if evaluation.random else "there are none"
        text = f"Whether it is better than other circuits of its size is unknown: {why}."
        return Finding(Question.SPECIAL, Grade.UNKNOWN, text, numbers)
    if len(chance) == len(telling):
        text = "It comes no nearer to the model than random circuits of its size."
        return Finding(Question.SPECIAL, Grade.BAD, text, numbers)
    if chance:
        kinds = " and ".join(random.drawn for random in chance)
        text = f"It is better than some random circuits of its size, but not than the kind called {kinds}."
        return Finding(Question.SPECIAL, Grade.PARTLY, text, numbers)
    if better:
        text = (
            f"It is better than random circuits of its size, but as many edges chosen by {_listed(better)} come nearer."
        )
        return Finding(Question.SPECIAL, Grade.PARTLY, text, numbers)
    text = "It comes nearer to the model than every kind of other circuit of its size that was tried."
    return Finding(Question.SPECIAL, Grade.GOOD, text, numbers)


def _p(random: RandomCircuits) -> str:
    return f"p = {random.kl.p:.2g}" if random.enough else f"only {random.n} of them"


def _listed(names: Sequence[str]) -> str:
    """`A, B and C`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
