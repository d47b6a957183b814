"""Which threshold to take, and why, in a sentence for somebody who sees the method for the first time.

Owns the rules and their limits, which are ours, and their words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from acdc_custom.circuit.circuit import TaskPerformance
from acdc_custom.sweep.curve import Curve, Point, knee

WITHIN = 0.1  # a circuit that recovers 90 % to 110 % of the logit difference does what the model does
LEAST = 0.5  # below this share none of the circuits is worth a suggestion
UNMOVED = 0.9  # of the model's logit difference left without any edges: there is next to nothing to recover


class Rule(StrEnum):
    """What a suggestion rests on."""

    RECOVERS = "recovers"
    KNEE = "knee"
    NONE = "none"


@dataclass(frozen=True)
class Suggestion:
    """`point` is the circuit that is suggested, None if there is none; `why` is a sentence or two."""

    rule: Rule
    point: Point | None
    why: str


def suggest(curve: Curve, model: TaskPerformance, unit: str) -> Suggestion:
    """From a curve over thresholds in `unit`, on prompts where the full model does this."""
    if model.logit_diff <= 0:
        return _none(
            f"the model itself does not prefer the answer on these prompts (logit difference {model.logit_diff:.2f}), "
            "so there is no behaviour that a circuit could explain. Choose another task or model."
        )
    points, unmoved = curve.front, curve.empty.logit_diff >= UNMOVED * model.logit_diff
    alike = [point for point in points if abs(1 - point.faithfulness) <= WITHIN]
    if alike and not unmoved:
        smallest = alike[0]
        return Suggestion(Rule.RECOVERS, smallest, _recovers(curve, smallest, unit))
    if not unmoved and all(point.faithfulness < LEAST for point in points):
        best = max((point.faithfulness for point in points), default=0.0)
        return _none(
            f"no circuit of the sweep recovers even {LEAST:.0%} of the logit difference (the best {best:.0%}). "
            "Try smaller thresholds."
        )
    bend = knee(points)
    if bend is None:
        return _none(f"{_reason(unmoved)}, and the curve has no bend to go by. Try more thresholds, smaller ones too.")
    return Suggestion(
        Rule.KNEE,
        bend,
        f"{_reason(unmoved)}, so the bend of the curve decides: at {_place(curve, bend, unit)} further edges begin to "
        "lower the KL by less.",
    )


def _none(why: str) -> Suggestion:
    return Suggestion(Rule.NONE, None, why)


def _recovers(curve: Curve, point: Point, unit: str) -> str:
    why = (
        f"{_place(curve, point, unit)} gives the smallest circuit of the sweep that does what the model does: it "
        f"recovers {point.faithfulness:.0%} of the logit difference (90% to 110% is asked for), and no other circuit "
        "has as few edges and a lower KL."
    )
    largest = max(map(_threshold, curve.points))
    return f"{why} No larger threshold was tried: one may do as well." if _threshold(point) == largest else why


def _reason(unmoved: bool) -> str:
    if unmoved:
        return "the logit difference hardly falls when all edges are removed, so it cannot tell circuits apart"
    return "no circuit of the sweep recovers between 90% and 110% of the logit difference"


def _place(curve: Curve, point: Point, unit: str) -> str:
    share = point.n_edges / curve.full.n_edges
    return (
        f"{_threshold(point):g} {unit} ({point.n_edges:,} of {curve.full.n_edges:,} edges, {share:.1%}; "
        f"KL {point.kl:.3g} nats)"
    )


def _threshold(point: Point) -> float:
    if point.threshold is None:
        raise ValueError("only circuits that a search found have a threshold")
    return point.threshold
