"""Why a head has no role: said from its own numbers."""

from __future__ import annotations

import pytest

from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Measure, Role, Score
from acdc_custom.heads.roles import classify

SCORES = {
    Measure.DIRECT_EFFECT: Score(0.0, 0.1),
    Measure.COPY: Score(0.0, 0.0),
    Measure.NEGATIVE_COPY: Score(0.0, 0.0),
    Measure.ATTENTION_TO_ANSWER: Score(0.0, 0.01, "IO"),
    Measure.ATTENTION_TO_WORD: Score(0.0, 0.01, "IO"),
    Measure.ATTENTION_TO_TELLING: Score(0.0, 0.01, "S2"),
    Measure.INDUCTION: Score(0.0, 0.0),
    Measure.DUPLICATE_TOKEN: Score(0.0, 0.0),
    Measure.PREVIOUS_TOKEN: Score(0.0),
}
REAL = "its direct effect of -27.1 % is real, but of none of these kinds"
CASES = {
    "nothing": (
        1,
        {},
        "no score reaches half of its threshold: the nearest, direct effect is 0.00 % (needs at most -2 %)",
    ),
    "a little": (
        2,
        {Measure.PREVIOUS_TOKEN: Score(0.19), Measure.COPY: Score(0.1, 0.0)},
        "no score reaches half of its threshold: the nearest, previous token score is 0.19 (needs at least 0.4)",
    ),
    "the first layer": (
        0,
        {Measure.PREVIOUS_TOKEN: Score(0.3)},
        "in layer 0, it reads tokens and their positions alone; closest to previous token, but previous token score "
        "is 0.3 (needs at least 0.4)",
    ),
    "almost a mover": (
        3,
        {
            Measure.DIRECT_EFFECT: Score(-27.1, 0.1),
            Measure.COPY: Score(0.4963, 0.0),
            Measure.ATTENTION_TO_ANSWER: Score(0.6, 0.01, "IO"),
        },
        f"closest to name mover, but copy score is 0.496 (needs at least 0.5); {REAL}",
    ),
    "no more than chance": (
        3,
        {Measure.INDUCTION: Score(0.6, 0.7)},
        "closest to induction, but induction score is 0.6 (random tokens give up to 0.7)",
    ),
    "nobody to steer": (
        3,
        {Measure.ATTENTION_TO_TELLING: Score(0.9, 0.01, "S2")},
        "closest to S-inhibition, but no mover is known that comes after it, whose queries it could steer",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_says_what_is_missing_for_the_role_that_the_head_comes_closest_to(case: str) -> None:
    layer, scores, said = CASES[case]
    head = Sender.parse(f"a{layer}.h1")
    verdict = classify({head: SCORES | scores})[head]
    assert verdict.role is Role.UNCLASSIFIED
    assert verdict.why == said


def test_words_that_a_task_does_not_name_are_named_as_missing() -> None:
    head = Sender.parse("a3.h1")
    verdict = classify({head: {Measure.DIRECT_EFFECT: Score(-27.1, 0.1), Measure.PREVIOUS_TOKEN: Score(0.0)}})[head]
    assert verdict.why == (
        "closest to name mover, but copy score and attention to answer could not be measured, since the task names no "
        f"such word; {REAL}"
    )


def test_a_head_with_a_role_needs_no_excuse() -> None:
    head = Sender.parse("a3.h1")
    verdict = classify({head: SCORES | {Measure.PREVIOUS_TOKEN: Score(0.9)}})[head]
    assert (verdict.role, verdict.why) == (Role.PREVIOUS_TOKEN, "")
