"""Evaluations with chosen numbers, to see what is said of them."""

from __future__ import annotations

from dataclasses import replace

from acdc_custom.evaluate.kinds import Chosen, Hypothesis, PromptKind, RandomBaseline, Subject
from acdc_custom.evaluate.records import (
    CircuitMeasurement,
    ComponentAblations,
    EvaluatedCircuit,
    Evaluation,
    Faithfulness,
    KnockedOut,
    OnPrompts,
    RandomCircuits,
    RandomComparison,
    Removed,
    Tested,
)
from acdc_custom.evaluate.verdict import findings
from acdc_custom.graph import LOGITS, Edge, Sender, Stage
from acdc_custom.stats.intervals import Estimate


def sure(value: float) -> Estimate:
    return Estimate(value, value, value)


Recovered = Estimate | float | None


def on(kind: PromptKind, name: str, recovered: Recovered, kl: float = 0.1, eap_kl: float = 1.0) -> OnPrompts:
    """A model of 4 logits, and -1 without edges."""
    rows: dict[str, tuple[Recovered, float]] = {
        Subject.MODEL: (1.0, 0.0),
        Subject.CIRCUIT: (recovered, kl),
        "EAP": (0.5, eap_kl),
        Subject.EMPTY: (0.0, 2.0),
    }
    measured = []
    for subject, (share, nats) in rows.items():
        estimate = sure(share) if isinstance(share, float) else share
        inside = -1 + 5 * (estimate.value if estimate else 0.0)
        measured.append(
            CircuitMeasurement(
                subject,
                3,
                Faithfulness(
                    logit_diff=sure(inside),
                    absolute=sure(abs(4 - inside)),
                    normalised=estimate,
                    kl=sure(nats),
                    kl_left=sure(nats / 2.0),
                    correct=sure(1.0),
                ),
            )
        )
    return OnPrompts(kind, name, 50, 1, "ab" * 32, tuple(measured))


def random(p: float) -> RandomCircuits:
    against = RandomComparison(0.1, 1.9, 1.5, 2.0, p)
    return RandomCircuits(RandomBaseline.PATHS, "new prompts", 50, against, against, Estimate(-1.0, -1.5, 0.0))


def three_tests(*ps: float) -> tuple[Tested, ...]:
    """The three tests, with these p-values."""
    return tuple(Tested(hypothesis, p, 50, "numbers") for hypothesis, p in zip(Hypothesis, ps, strict=True))


def edge(number: int) -> Edge:
    return Edge(Sender(number, Stage.MLP), LOGITS)


def examined(gaps: dict[Chosen, float], moved: list[float]) -> ComponentAblations:
    node = Sender(1, Stage.HEAD, 3)
    rows = tuple(
        KnockedOut(chosen, str(chosen), (node,), 2.0, 2.0 - gap, sure(-gap / 5), False) for chosen, gap in gaps.items()
    )
    edges = tuple(Removed(edge(n), None, -change, change, change**2) for n, change in enumerate(moved))
    return ComponentAblations("new prompts", 25, 4.0, 3.9, -1.0, rows, (), edges)


def evaluation_of(
    *others: OnPrompts,
    discovery: float = 0.97,
    fresh: Recovered = 0.95,
    kl: float = 0.1,
    eap_kl: float = 1.0,
    p: float = 0.02,
    gaps: dict[Chosen, float] | None = None,
    moved: tuple[float, ...] = (2.0, 1.0, 0.5),
) -> Evaluation:
    """One that finds nothing to complain of, but for what is given."""
    source = EvaluatedCircuit("ioi", "abc", "corrupted", "demo", "ab" * 32, "cd" * 32, 3, 2, 100, 1, 50, 1.0)
    prompts = (
        on(PromptKind.DISCOVERY, "discovery prompts", discovery, kl),
        on(PromptKind.FRESH, "new prompts", fresh, kl, eap_kl),
        *others,
    )
    apart = examined({Chosen.RANDOM: 0.1, Chosen.GREEDY: 0.2} if gaps is None else gaps, list(moved))
    evaluation = Evaluation(source, prompts, (random(p),), (apart,), (), (), ())
    return replace(evaluation, findings=findings(evaluation))
