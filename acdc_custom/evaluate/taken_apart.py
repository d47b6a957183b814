"""What a circuit comes to when it is taken apart: is it all that the model uses, and is every part needed?

Owns these two answers and their thresholds, which are ours. Works on records alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from acdc_custom.evaluate.grades import measured_of, number, percent
from acdc_custom.evaluate.kinds import Chosen, Grade, Question, Subject
from acdc_custom.evaluate.records import ComponentAblations, Evaluation, Finding, KnockedOut, Removed
from acdc_custom.stats.means import size_of

COMPLETE = 0.2  # |F(C without K) - F(M without K)|, as a share of |F(M) - F(empty)|
NOTHING = 0.001  # mean absolute change without an edge, as a share of |F(M)|: the edge contributes nothing
FEW_SUPERFLUOUS, MANY_SUPERFLUOUS = 0.05, 0.25  # shares of edges that contribute nothing


def superfluous(examined: Sequence[ComponentAblations]) -> list[Removed]:
    """The edges that contribute nothing on any of the prompts on which the circuit was taken apart, least first."""
    by_edge: dict[str, list[tuple[float, Removed]]] = {}
    for each in examined:
        for removed in each.edges:
            by_edge.setdefault(removed.name, []).append((removed.moved / max(abs(each.model), 1e-9), removed))
    least = [(max(share for share, _ in rows), rows[0][1]) for rows in by_edge.values()]
    return [removed for share, removed in sorted(least, key=lambda row: row[0]) if share < NOTHING]


def complete(evaluation: Evaluation) -> Finding:
    """Every knock-out by its interval: within `COMPLETE`, beyond, or neither for sure."""
    knocked_out = [row for each in evaluation.examined for row in each.knocked_out]
    shares = [(row, size_of(row.share)) for row in knocked_out if row.share is not None]
    if not shares:
        why = (
            "the model does the task no better than without any edge, as far as these prompts show"
            if knocked_out
            else "it has no nodes to knock out"
        )
        return Finding(Question.COMPLETE, Grade.UNKNOWN, f"Whether it is complete is unknown: {why}.", "")
    random = [share for row, share in shares if row.chosen is Chosen.RANDOM]
    beyond = [row for row, share in shares if share.low > COMPLETE]
    most = 2 * sum(share.low > COMPLETE for share in random) > len(random)
    flips = [row for row in knocked_out if row.opposite]
    worst, largest = max(shares, key=lambda pair: pair[1].value)
    mean = (
        f"by {fmean(share.value for share in random):.0%} of the model's effect on average over random knock-outs, "
        if random
        else ""
    )
    numbers = f"circuit and model differ {mean}by {percent(largest)} at most: {_without(worst)}"
    left = (
        "the model can do without them what the circuit cannot"
        if worst.model > worst.circuit
        else "the model suffers more from it than the circuit"
    )
    if most:
        text = f"It is not complete: knock out some of its nodes, and {left}."
        return Finding(Question.COMPLETE, Grade.BAD, text, numbers)
    if beyond:
        text = f"It is complete for most knock-outs, but not for all: for some nodes, {left}."
        return Finding(Question.COMPLETE, Grade.PARTLY, text, numbers)
    if flips:
        text = "It is not complete for all knock-outs: without some nodes, model and circuit prefer opposite answers."
        return Finding(Question.COMPLETE, Grade.PARTLY, text, f"{numbers}; {_without(flips[0])}")
    if any(share.high > COMPLETE for _, share in shares):
        n = max(each.n for each in evaluation.examined)
        text = f"Whether it is complete cannot be told from the {n} prompts on which it was taken apart."
        return Finding(Question.COMPLETE, Grade.UNKNOWN, text, numbers)
    text = "It is complete as far as was tried: knock out its nodes, and the model loses what the circuit loses."
    return Finding(Question.COMPLETE, Grade.GOOD, text, numbers)


def _without(row: KnockedOut) -> str:
    names = ", ".join(place.label for place in row.places)
    return f"without {names} the model has a logit difference of {row.model:.2f}, the circuit of {row.circuit:.2f}"


def minimal(evaluation: Evaluation) -> Finding:
    """By the share of edges that contribute nothing."""
    tried = max((len(each.edges) for each in evaluation.examined), default=0)
    if not tried:
        text = "Whether every part is needed is unknown: it has no edges."
        return Finding(Question.MINIMAL, Grade.UNKNOWN, text, "")
    model = measured_of(evaluation.main, Subject.MODEL).logit_diff
    if model.low <= 0 <= model.high:
        text = "Whether every part is needed is unknown: the model's logit difference may be zero."
        return Finding(Question.MINIMAL, Grade.UNKNOWN, text, f"F(M) {number(model)}")
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
