"""What an evaluation comes to, in words for people who have never read a paper on circuits.

Owns the five questions' answers and the thresholds between them. The measures are the papers', the thresholds are ours:
they are here, in one table, and in docs/evaluate.md. Works on records alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from statistics import fmean

from acdc_custom.evaluate.hypotheses import ALPHA
from acdc_custom.evaluate.kinds import Chosen, Grade, PromptKind, Question, Subject
from acdc_custom.evaluate.records import (
    ComponentAblations,
    Evaluation,
    Faithfulness,
    Finding,
    OnPrompts,
    Removed,
)
from acdc_custom.stats.intervals import Estimate

NEARLY_ALL = 0.9  # recovered: at least this, and no more than 2 - this, is "nearly as well as the model"
MOST = 0.7  # the same for "most of it"
KL_GONE = 0.5  # of the KL between no edges and the model: with less gone, the answer is right for other reasons
DROP = 0.1  # on new prompts more than on the discovery prompts: what is not recovered, or the KL that is left
COMPLETE = 0.2  # |F(C without K) - F(M without K)|, as a share of |F(M) - F(empty)|
NOTHING = 0.001  # mean absolute change without an edge, as a share of |F(M)|: the edge contributes nothing
FEW_SUPERFLUOUS, MANY_SUPERFLUOUS = 0.05, 0.25  # shares of edges that contribute nothing


def findings(evaluation: Evaluation) -> tuple[Finding, ...]:
    """The answers to all questions, in their order."""
    return (
        _faithful(evaluation),
        _general(evaluation),
        _special(evaluation),
        _complete(evaluation),
        _minimal(evaluation),
    )


def superfluous(examined: Sequence[ComponentAblations]) -> list[Removed]:
    """The edges that contribute nothing on any of the prompts on which the circuit was taken apart, least first."""
    by_edge: dict[str, list[tuple[float, Removed]]] = {}
    for each in examined:
        for removed in each.edges:
            by_edge.setdefault(removed.name, []).append((removed.moved / max(abs(each.model), 1e-9), removed))
    least = [(max(share for share, _ in rows), rows[0][1]) for rows in by_edge.values()]
    return [removed for share, removed in sorted(least, key=lambda row: row[0]) if share < NOTHING]


def grade_faithfulness(recovered: Estimate | None) -> Grade:
    """Of a recovered share; above 1 the circuit overshoots the model, which is as wrong as falling short."""
    if recovered is None:
        return Grade.UNKNOWN
    short = abs(1 - recovered.value)
    return Grade.GOOD if short <= 1 - NEARLY_ALL else Grade.PARTLY if short <= 1 - MOST else Grade.BAD


def _faithful(evaluation: Evaluation) -> Finding:
    main = evaluation.main
    inside, empty = _of(main, Subject.CIRCUIT), _of(main, Subject.EMPTY)
    where = "on new prompts" if main.kind is PromptKind.FRESH else "on the prompts that it was found on"
    grade = grade_faithfulness(inside.normalised)
    gone = 1 - inside.kl.value / empty.kl.value if empty.kl.value else 1.0
    if grade is Grade.GOOD and gone < KL_GONE:
        grade = Grade.PARTLY
        text = f"The circuit answers {where} as well as the model, but its other predictions are not the model's."
    elif grade is Grade.UNKNOWN:
        text = f"Nothing can be said: the model does the task {where} no better than without any edge."
    elif inside.normalised is not None and inside.normalised.value > 2 - NEARLY_ALL:
        text = f"The circuit overshoots {where}: it prefers the answer more than the model does."
    else:
        text = {
            Grade.GOOD: f"The circuit does the task nearly as well as the model {where}.",
            Grade.PARTLY: f"The circuit does most of the task {where}, and not as well as the model.",
            Grade.BAD: f"The circuit does not do {where} what the model does.",
        }[grade]
    numbers = (
        f"recovers {_percent(inside.normalised)} of the logit difference; KL {_number(inside.kl)} nats, {gone:.1%} "
        f"less than without edges; {inside.correct.value:.0%} correct"
    )
    return Finding(Question.FAITHFUL, grade, text, numbers)


def _general(evaluation: Evaluation) -> Finding:
    others = [on for on in evaluation.prompts if on.kind not in (PromptKind.DISCOVERY, PromptKind.FRESH)]
    known = [on for on in others if _of(on, Subject.CIRCUIT).normalised is not None]
    low = [on for on in known if grade_faithfulness(_of(on, Subject.CIRCUIT).normalised) is Grade.BAD]
    numbers = "; ".join(f"{on.name} {_percent(_of(on, Subject.CIRCUIT).normalised)}" for on in evaluation.prompts)
    drop = _drop(evaluation)
    if low and len(low) == len(known):
        return Finding(Question.GENERAL, Grade.BAD, "It does not hold on any other kind of prompts.", numbers)
    if low:
        names = ", ".join(on.name for on in low)
        return Finding(
            Question.GENERAL, Grade.PARTLY, f"It does not hold on all other prompts: not on {names}.", numbers
        )
    if drop is Drop.SURE:
        text = "It does worse on new prompts than on those that it was found on: it fits its prompts."
        return Finding(Question.GENERAL, Grade.PARTLY, text, numbers)
    if drop is Drop.UNSURE:
        text = "It seems to do worse on new prompts, and there are too few prompts to be sure. Give more, with --n."
        return Finding(Question.GENERAL, Grade.UNKNOWN, text, numbers)
    if known:
        return Finding(Question.GENERAL, Grade.GOOD, "It holds on other kinds of prompts, too.", numbers)
    if evaluation.on(PromptKind.FRESH):
        text = "It does as well on new prompts as on those that it was found on; no other kind of prompts was tried."
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
    pairs = [(_kl_left(discovery), _kl_left(fresh))]
    before, now = (_of(on, Subject.CIRCUIT).normalised for on in (discovery, fresh))
    if before is not None and now is not None:
        pairs.append((_missing(before), _missing(now)))
    worse = [(was, now) for was, now in pairs if now.value > was.value + DROP]
    if any(now.low > was.high for was, now in worse):
        return Drop.SURE
    return Drop.UNSURE if worse else Drop.NONE


def _missing(recovered: Estimate) -> Estimate:
    """How far from 1; where the interval has 1 within it, from 0 on."""
    ends = sorted((abs(1 - recovered.low), abs(1 - recovered.high)))
    return Estimate(abs(1 - recovered.value), 0.0 if recovered.low <= 1 <= recovered.high else ends[0], ends[1])


def _kl_left(on: OnPrompts) -> Estimate:
    """The circuit's KL as a share of that of no edges."""
    kl, whole = _of(on, Subject.CIRCUIT).kl, _of(on, Subject.EMPTY).kl.value or 1.0
    return Estimate(kl.value / whole, kl.low / whole, kl.high / whole)


def _special(evaluation: Evaluation) -> Finding:
    main, inside = evaluation.main, _of(evaluation.main, Subject.CIRCUIT)
    better = [title for title, other in main.ranked.items() if other.kl.value < inside.kl.value]
    chance = [random for random in evaluation.random if random.kl.p > ALPHA]
    numbers = "; ".join(
        [
            *(
                f"{r.drawn}: KL {r.kl.mean:.3g} ({r.kl.low:.3g} to {r.kl.high:.3g}), p = {r.kl.p:.2g}"
                for r in evaluation.random
            ),
            *(f"{title}: KL {_number(other.kl)}" for title, other in main.ranked.items()),
            f"the circuit: KL {_number(inside.kl)}",
        ]
    )
    if not evaluation.random:
        text = "Whether it is better than other circuits of its size is unknown: there are none."
        return Finding(Question.SPECIAL, Grade.UNKNOWN, text, numbers)
    if len(chance) == len(evaluation.random):
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


def _complete(evaluation: Evaluation) -> Finding:
    rows = [(row.gap / gap, row) for each, gap in _gaps(evaluation) for row in each.knocked_out]
    if not rows:
        text = "Whether it is complete is unknown: it has no nodes to knock out, or there is nothing to recover."
        return Finding(Question.COMPLETE, Grade.UNKNOWN, text, "")
    share, worst = max(rows, key=lambda row: row[0])
    mean = fmean(share for share, row in rows if row.chosen is Chosen.RANDOM)
    names = ", ".join(node.label for node in worst.nodes)
    numbers = (
        f"circuit and model differ by {mean:.0%} of the model's effect on average over random knock-outs, "
        f"by {share:.0%} at most: without {names} the model has a logit difference of {worst.model:.2f}, "
        f"the circuit of {worst.circuit:.2f}"
    )
    if share <= COMPLETE:
        text = "It is complete as far as was tried: knock out its nodes, and the model loses what the circuit loses."
        return Finding(Question.COMPLETE, Grade.GOOD, text, numbers)
    left = (
        "the model can do without them what the circuit cannot"
        if worst.model > worst.circuit
        else ("the model suffers more from it than the circuit")
    )
    if mean <= COMPLETE:
        text = f"It is complete for most knock-outs, but not for all: for some nodes, {left}."
        return Finding(Question.COMPLETE, Grade.PARTLY, text, numbers)
    return Finding(
        Question.COMPLETE, Grade.BAD, f"It is not complete: knock out some of its nodes, and {left}.", numbers
    )


def _gaps(evaluation: Evaluation) -> Iterator[tuple[ComponentAblations, float]]:
    """Where the circuit was taken apart, with |F(M) - F(empty)|, if there is any."""
    for each in evaluation.examined:
        if gap := abs(each.model - each.empty):
            yield each, gap


def _minimal(evaluation: Evaluation) -> Finding:
    tried = max((len(each.edges) for each in evaluation.examined), default=0)
    if not tried:
        text = "Whether every part is needed is unknown: it has no edges."
        return Finding(Question.MINIMAL, Grade.UNKNOWN, text, "")
    least = superfluous(evaluation.examined)
    share = len(least) / tried
    numbers = f"{len(least)} of {tried} edges move the logit difference by less than {NOTHING:.1%} of the model's"
    if least:
        numbers += f", such as {least[0].name}"
    grade = Grade.GOOD if share <= FEW_SUPERFLUOUS else Grade.PARTLY if share <= MANY_SUPERFLUOUS else Grade.BAD
    text = {
        Grade.GOOD: "Nearly every edge is needed.",
        Grade.PARTLY: "Some of its edges contribute nothing.",
        Grade.BAD: "Many of its edges contribute nothing: it is larger than it need be.",
    }[grade]
    return Finding(Question.MINIMAL, grade, text, numbers)


def _of(on: OnPrompts, subject: Subject) -> Faithfulness:
    found = on.of(subject)
    assert found is not None  # model, circuit and no edges are run on every set
    return found


def _listed(names: Sequence[str]) -> str:
    """`A, B and C`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "nothing to recover"
    return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
