"""Roles: known heads come out as what they are, and shuffled ones as nothing."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import example_heads
from handmade import (
    DUPLICATE,
    INDUCTION,
    INHIBITION,
    MOVER,
    NAMES,
    NEGATIVE,
    PREVIOUS,
    cast,
    handmade_model,
    handmade_weights,
    ioi_prompts,
    shuffled,
)
from tiny import TinyPrompt

from acdc_custom.engine.tokens import token_batch
from acdc_custom.graph import Sender, Stage
from acdc_custom.heads.evidence import Bound, Evidence, Measure, NullDistribution, Role, Score, Whose, ordinal
from acdc_custom.heads.measure import HeadMeasurements, measure_heads
from acdc_custom.heads.roles import NEEDS, classify
from acdc_custom.model.model import Model

KNOWN = {
    PREVIOUS: Role.PREVIOUS_TOKEN,
    DUPLICATE: Role.DUPLICATE_TOKEN,
    INDUCTION: Role.INDUCTION,
    INHIBITION: Role.S_INHIBITION,
    MOVER: Role.NAME_MOVER,
    NEGATIVE: Role.NEGATIVE_NAME_MOVER,
}


def measured(model: Model, prompts: list[TinyPrompt], names: tuple[str, ...] = ("IO", "S1", "S2")) -> HeadMeasurements:
    tokens = token_batch(prompts, model.max_positions, 40, model.device)
    return measure_heads(model, tokens, prompts, cast(prompts, names))


def roles(result: HeadMeasurements) -> dict[str, Role]:
    return {str(head): verdict.role for head, verdict in result.verdicts.items()}


def test_every_known_head_comes_out_as_what_it_is_and_no_other_head_has_a_role() -> None:
    result = measured(handmade_model(), ioi_prompts(8))
    expected = {name: KNOWN.get(name, Role.UNCLASSIFIED) for name in roles(result)}
    assert roles(result) == expected and len(expected) == 9
    assert [str(mover) for mover in result.movers] == [MOVER]
    assert result.logit_diff == pytest.approx(4, abs=0.01)
    assert all(e.passed for name in KNOWN for e in result.verdicts[Sender.parse(name)].evidence)
    assert result.attention[Sender.parse(MOVER)]["IO"] > 0.99


def test_the_names_of_positions_do_not_matter() -> None:
    renamed = [
        replace(p, positions={"x": p.positions["S2"], "y": p.positions["IO"], "z": p.positions["S1"]})
        for p in ioi_prompts(8)
    ]
    assert roles(measured(handmade_model(), renamed, ("x", "y", "z"))) == roles(
        measured(handmade_model(), ioi_prompts(8))
    )


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_weights_have_no_roles(seed: int) -> None:
    result = measured(handmade_model(shuffled(handmade_weights(), seed)), ioi_prompts(8))
    assert set(roles(result).values()) == {Role.UNCLASSIFIED}


def test_a_head_that_turns_a_cue_into_the_answer_is_a_cue_mover() -> None:
    """The mover is rewired: attending to a name, it writes the name after it; that one is the answer now."""
    weights = handmade_weights()
    last = weights.blocks[2]
    out = last.attention.out.clone()
    out[0, NAMES] = out[0, NAMES].roll(1, dims=-1)
    blocks = (*weights.blocks[:2], replace(last, attention=replace(last.attention, out=out)))
    rng = random.Random(0)
    prompts = []
    for _ in range(8):
        cue, other = rng.sample(NAMES[:-1], 2)
        after, foil = cue + 1, other + 1
        prompts.append(TinyPrompt((0, 2, cue, 33, 1), (0, 2, other, 33, 1), (after,), (foil,), 0, {"cue": 2}))
    result = measured(handmade_model(replace(weights, blocks=blocks)), prompts, ("cue",))
    assert roles(result)[MOVER] is Role.CUE_MOVER
    (score,) = (e for e in result.verdicts[Sender.parse(MOVER)].evidence if e.measure is Measure.ANSWER_FROM_CUE)
    assert (score.value, score.at) == (1.0, "cue")


def test_a_task_that_names_no_word_is_measured_as_far_as_that_goes() -> None:
    prompts = [TinyPrompt((0, 34, 33, 1), (0, 33, 34, 1), (NAMES[i],), (NAMES[i + 1],)) for i in range(3)]
    result = measured(handmade_model(), prompts, ())
    found = roles(result)
    assert {found[PREVIOUS], found[DUPLICATE], found[INDUCTION]} == {
        Role.PREVIOUS_TOKEN,
        Role.DUPLICATE_TOKEN,
        Role.INDUCTION,
    }
    assert Measure.COPY not in result.scores[Sender.parse(MOVER)] and found[MOVER] is Role.UNCLASSIFIED


HEADS = [Sender(0, Stage.HEAD, number) for number in range(20)]


def scores_of(first: dict[Measure, Score], rest: dict[Measure, Score]) -> dict[Sender, dict[Measure, Score]]:
    return {HEADS[0]: first, **dict.fromkeys(HEADS[1:], rest)}


STRONG = {
    Measure.DIRECT_EFFECT: Score(-10, 0.1),
    Measure.COPY: Score(0.9, 0.1),
    Measure.ATTENTION_TO_ANSWER: Score(0.6, 0.05, "IO"),
}
WEAK = {measure: Score(0.0, 0.0) for measure in STRONG}


def test_a_role_asks_for_all_of_its_needs() -> None:
    assert classify(scores_of(STRONG, WEAK))[HEADS[0]].role is Role.NAME_MOVER
    for measure in STRONG:
        without = classify(scores_of({**STRONG, measure: WEAK[measure]}, WEAK))[HEADS[0]]
        assert without.role is Role.UNCLASSIFIED
        assert [e.passed for e in without.evidence].count(False) == 1 and without.evidence[0].role is Role.NAME_MOVER
        unmeasured = {m: score for m, score in STRONG.items() if m is not measure}
        assert classify(scores_of(unmeasured, WEAK))[HEADS[0]].role is Role.UNCLASSIFIED


def test_what_random_tokens_give_as_well_is_no_evidence() -> None:
    chance = {**WEAK, Measure.COPY: Score(0.0, 0.95)}
    assert classify(scores_of(STRONG, chance))[HEADS[0]].role is Role.UNCLASSIFIED
    assert classify(scores_of({**STRONG, Measure.COPY: Score(0.97, 0.95)}, chance))[HEADS[0]].role is Role.NAME_MOVER


def test_a_head_can_have_a_second_role_and_the_more_direct_one_comes_first() -> None:
    verdict = classify(scores_of({**STRONG, Measure.INDUCTION: Score(0.9, 0.0)}, WEAK))[HEADS[0]]
    assert (verdict.role, verdict.also) == (Role.NAME_MOVER, (Role.INDUCTION,))
    assert {e.role for e in verdict.evidence} == {Role.NAME_MOVER, Role.INDUCTION}


def test_evidence_is_compared_with_all_other_heads() -> None:
    evidence = classify(scores_of(STRONG, WEAK))[HEADS[0]].evidence[0]
    assert (evidence.rank, evidence.others, evidence.control) == (
        1,
        NullDistribution(0.0, 0.0, 19),
        NullDistribution(0.0, 0.1, 20),
    )
    assert str(evidence) == (
        "direct effect -10.00 % (at most -2 %, ours; 1st of 20 heads measured; random tokens up to 0.1 %)"
    )


@pytest.mark.parametrize(
    ("bound", "value", "passed"),
    [
        (Bound.AT_LEAST, 0.5, True),
        (Bound.AT_LEAST, 0.49, False),
        (Bound.AT_MOST, -3.0, False),
        (Bound.SIZE_AT_LEAST, -0.6, True),
    ],
)
def test_thresholds_have_a_direction(bound: Bound, value: float, passed: bool) -> None:
    threshold = -4.0 if bound is Bound.AT_MOST else 0.5
    evidence = Evidence(Role.NAME_MOVER, Measure.COPY, "", value, bound, threshold, Whose.OURS, None, 1, 1, None)
    assert evidence.passed is passed


def test_every_role_but_the_empty_one_has_needs_and_every_word_an_explanation() -> None:
    assert set(NEEDS) == set(Role) - {Role.UNCLASSIFIED}
    assert {need.measure for needs in NEEDS.values() for need in needs} == set(Measure)
    assert all(word.about for word in (*Role, *Measure))
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "111th")
    ]


def test_the_page_has_every_role_measure_and_threshold() -> None:
    text = (Path(__file__).parents[2] / "docs" / "roles.md").read_text(encoding="utf-8")
    for measure in Measure:
        assert f"`{measure}`" in text
    for role, needs in NEEDS.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {role} |"))
        assert role.about in row
        for need in needs:
            size = "size of " if need.bound is Bound.SIZE_AT_LEAST else ""
            bound = "at least" if size else need.bound
            unit = " %" if need.measure.in_per_cent else ""
            assert f"{size}`{need.measure}` {bound} {need.threshold:g}{unit}" in row


def test_every_key_of_heads_json_is_on_the_files_page() -> None:
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    content = json.loads(example_heads().to_json())
    head = content["heads"][0]
    score, evidence = head["scores"]["copy_score"], head["evidence"][0]
    for key in {*content, *content["source"], *head, *score, *evidence, *evidence["others"]}:
        assert f"`{key}`" in text, key
