"""What is said of a circuit follows from its numbers, question by question."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evaluations import evaluation_of, on, random

from acdc_custom.evaluate.kinds import Chosen, Grade, PromptKind, Question, RandomBaseline, Subject
from acdc_custom.evaluate.records import Evaluation, Finding, KnockedOut
from acdc_custom.evaluate.taken_apart import superfluous
from acdc_custom.evaluate.verdict import findings
from acdc_custom.graph import Sender
from acdc_custom.stats.intervals import Estimate


def answer(evaluation: Evaluation, question: Question) -> Finding:
    (finding,) = (finding for finding in evaluation.findings if finding.question is question)
    return finding


def test_every_question_is_answered_once_in_their_order() -> None:
    assert [finding.question for finding in evaluation_of().findings] == list(Question)


def test_a_circuit_without_a_flaw_gets_five_times_yes() -> None:
    evaluation = evaluation_of(on(PromptKind.TEMPLATE, "template 1", 0.96))
    assert {finding.grade for finding in evaluation.findings} == {Grade.GOOD}
    assert evaluation.verdict.startswith(
        "The circuit does the task nearly as well as the model on new prompts. It holds"
    )


@pytest.mark.parametrize(
    ("normalised", "grade", "words"),
    [
        (0.95, Grade.GOOD, "nearly as well as the model on new prompts"),
        (0.75, Grade.PARTLY, "most of the task"),
        (0.3, Grade.BAD, "does not do"),
        (1.25, Grade.PARTLY, "overshoots"),
        (2.0, Grade.BAD, "overshoots"),
        (None, Grade.UNKNOWN, "no better than without any edge"),
    ],
)
def test_faithfulness_is_judged_by_what_is_recovered_on_new_prompts(
    normalised: float | None, grade: Grade, words: str
) -> None:
    found = answer(evaluation_of(fresh=normalised), Question.FAITHFUL)
    assert found.grade is grade and words in found.sentence


@pytest.mark.parametrize(
    ("recovered", "grade", "words"),
    [
        (Estimate(0.93, -3.22, 5.44), Grade.UNKNOWN, "too few prompts to tell how much"),
        (Estimate(0.95, 0.91, 1.05), Grade.GOOD, "nearly as well"),
        (Estimate(0.95, 0.85, 1.05), Grade.PARTLY, "perhaps as well as the model: there are too few prompts"),
        (Estimate(0.8, 0.75, 0.85), Grade.PARTLY, "most of the task on new prompts, and not as well"),
        (Estimate(0.8, 0.65, 0.95), Grade.UNKNOWN, "too few prompts"),
        (Estimate(0.5, 0.4, 0.69), Grade.BAD, "does not do"),
        (Estimate(1.6, 1.4, 1.8), Grade.BAD, "overshoots"),
        (Estimate(1.05, 0.95, 1.2), Grade.PARTLY, "perhaps as well"),
        (Estimate(0.0, -3.0, 0.5), Grade.BAD, "does not do"),
    ],
)
def test_the_interval_decides_and_not_its_middle(recovered: Estimate, grade: Grade, words: str) -> None:
    found = answer(evaluation_of(fresh=recovered), Question.FAITHFUL)
    assert found.grade is grade and words in found.sentence
    assert ("--n" in found.sentence) == ("too few" in found.sentence)


def test_the_right_answer_with_other_predictions_is_not_enough() -> None:
    found = answer(evaluation_of(kl=1.5), Question.FAITHFUL)
    assert found.grade is Grade.PARTLY and "other predictions" in found.sentence


def test_a_circuit_that_fits_its_prompts_is_told() -> None:
    found = answer(evaluation_of(discovery=0.99, fresh=0.8), Question.GENERAL)
    assert found.grade is Grade.PARTLY and "fits its prompts" in found.sentence


def test_of_a_difference_within_the_intervals_nothing_is_said_but_that() -> None:
    evaluation = evaluation_of(discovery=0.99, fresh=0.8)
    wide = on(PromptKind.FRESH, "new prompts", Estimate(0.8, 0.5, 1.0))
    found = findings(replace(evaluation, prompts=(evaluation.prompts[0], wide)))
    assert found[1].question is Question.GENERAL and found[1].grade is Grade.UNKNOWN
    assert "too few prompts" in found[1].sentence


def test_a_circuit_that_fits_its_prompts_shows_in_its_kl_too() -> None:
    evaluation = evaluation_of(discovery=0.9, fresh=0.9)
    fresh = evaluation.on(PromptKind.FRESH)
    assert fresh is not None
    measured = tuple(
        replace(m, faithfulness=replace(m.faithfulness, kl_left=Estimate(0.5, 0.4, 0.6)))
        if m.subject is Subject.CIRCUIT
        else m
        for m in fresh.measured
    )
    found = findings(replace(evaluation, prompts=(evaluation.prompts[0], replace(fresh, measured=measured))))[1]
    assert found.grade is Grade.PARTLY and "fits its prompts" in found.sentence


def test_prompts_on_which_it_does_not_hold_are_named() -> None:
    good, bad = on(PromptKind.TEMPLATE, "template 1", 0.9), on(PromptKind.TASK, "task latest_s", 0.2)
    found = answer(evaluation_of(good, bad), Question.GENERAL)
    assert found.grade is Grade.PARTLY and found.sentence.endswith("not on task latest_s.")
    assert answer(evaluation_of(bad), Question.GENERAL).grade is Grade.BAD


def test_prompts_on_which_it_cannot_be_told_are_named_and_the_answer_is_unknown() -> None:
    good, open_ = on(PromptKind.TEMPLATE, "template 1", 0.9), on(PromptKind.WORDS, "other words", Estimate(0.8, 0.1, 2))
    found = answer(evaluation_of(good, open_), Question.GENERAL)
    assert found.grade is Grade.UNKNOWN and "whether it holds on other words. Give more" in found.sentence


@pytest.mark.parametrize("fresh", [None, Estimate(0.97, 0.2, 2.0)])
def test_new_prompts_that_say_nothing_are_no_sign_that_it_holds(fresh: Estimate | None) -> None:
    found = answer(evaluation_of(fresh=fresh), Question.GENERAL)
    assert found.grade is Grade.UNKNOWN and "cannot be told from these new prompts" in found.sentence


def test_prompts_on_which_nothing_can_be_recovered_say_nothing() -> None:
    found = answer(evaluation_of(on(PromptKind.TASK, "task x", None)), Question.GENERAL)
    assert found.grade is Grade.GOOD and "on other kinds nothing can be recovered" in found.sentence
    assert "task x (not defined here)" in found.numbers
    assert "no other kind of prompts was tried" in answer(evaluation_of(), Question.GENERAL).sentence


def test_random_circuits_that_are_as_good_and_better_attribution_are_told() -> None:
    chance = answer(evaluation_of(p=0.3), Question.SPECIAL)
    assert chance.grade is Grade.BAD and "random circuits" in chance.sentence
    mixed = evaluation_of()
    kinds = (random(0.02), replace(random(0.6), drawn=RandomBaseline.REWIRED))
    some = findings(replace(mixed, random=kinds))[2]
    assert some.grade is Grade.PARTLY and some.sentence.endswith("called edges rewired.")
    better = answer(evaluation_of(eap_kl=0.05), Question.SPECIAL)
    assert better.grade is Grade.PARTLY and "chosen by EAP come nearer" in better.sentence


def test_kinds_of_random_circuits_of_which_there_are_few_tell_nothing() -> None:
    evaluation = evaluation_of()
    few = replace(random(0.39), drawn=RandomBaseline.REWIRED, n=1)
    found = findings(replace(evaluation, random=(random(0.02), few)))[2]
    assert found.grade is Grade.GOOD and "edges rewired: KL 1.9 (1.5 to 2), only 1 of them" in found.numbers
    found = findings(replace(evaluation, random=(few, replace(few, n=19))))[2]
    assert found.grade is Grade.UNKNOWN and found.sentence.endswith("unknown: there are fewer than 20 of any kind.")
    assert findings(replace(evaluation, random=(few, replace(random(0.39), n=20))))[2].grade is Grade.BAD


@pytest.mark.parametrize(
    ("average", "greedy", "grade"), [(0.1, 0.9, Grade.GOOD), (0.1, 1.1, Grade.PARTLY), (1.1, 1.2, Grade.BAD)]
)
def test_completeness_is_judged_by_the_share_of_the_models_effect(average: float, greedy: float, grade: Grade) -> None:
    found = answer(evaluation_of(gaps={Chosen.RANDOM: average, Chosen.GREEDY: greedy}), Question.COMPLETE)
    assert found.grade is grade  # of 5 logits, a fifth is 1
    assert "without L1H3 the model has a logit difference of 2.00" in found.numbers


def completeness(*rows: KnockedOut) -> Finding:
    evaluation = evaluation_of()
    return findings(replace(evaluation, examined=(replace(evaluation.examined[0], knocked_out=rows),)))[3]


def row(share: Estimate | None, opposite: bool = False) -> KnockedOut:
    return KnockedOut(Chosen.RANDOM, "random set 1", (Sender.parse("a1.h3"),), 0.5, -0.4, share, opposite)


def test_model_and_circuit_that_prefer_opposite_answers_without_some_nodes_are_not_alike() -> None:
    small = Estimate(-0.15, -0.19, -0.1)
    assert completeness(row(small)).grade is Grade.GOOD
    found = completeness(row(small), row(small, opposite=True))
    assert found.grade is Grade.PARTLY and "prefer opposite answers" in found.sentence
    assert "without L1H3 the model has a logit difference of 0.50, the circuit of -0.40" in found.numbers


def test_completeness_is_judged_by_intervals_too() -> None:
    wide, beyond, none = Estimate(-0.1, -0.5, 0.3), Estimate(0.5, 0.3, 0.7), row(None)
    assert completeness(row(wide)).grade is Grade.UNKNOWN
    assert completeness(row(wide), row(wide), row(beyond)).grade is Grade.PARTLY
    assert completeness(row(beyond), row(beyond), row(wide)).grade is Grade.BAD
    undefined = completeness(none, none)
    assert undefined.grade is Grade.UNKNOWN and "no better than without any edge" in undefined.sentence


def test_a_share_of_what_may_be_zero_says_nothing_of_single_edges() -> None:
    evaluation = evaluation_of()
    main = evaluation.main
    weak = tuple(
        replace(m, faithfulness=replace(m.faithfulness, logit_diff=Estimate(0.3, -0.1, 0.7)))
        if m.subject == Subject.MODEL
        else m
        for m in main.measured
    )
    found = findings(replace(evaluation, prompts=(evaluation.prompts[0], replace(main, measured=weak))))[4]
    assert found.grade is Grade.UNKNOWN and "may be zero" in found.sentence


def test_nothing_is_said_of_completeness_without_knock_outs() -> None:
    assert answer(evaluation_of(gaps={}), Question.COMPLETE).grade is Grade.UNKNOWN


@pytest.mark.parametrize(("n_idle", "grade"), [(0, Grade.GOOD), (1, Grade.PARTLY), (9, Grade.BAD)])
def test_minimality_is_judged_by_the_share_of_edges_that_contribute_nothing(n_idle: int, grade: Grade) -> None:
    evaluation = evaluation_of(moved=(*[1.0] * 9, *[0.003] * n_idle))  # of 4 logits, a thousandth is 0.004
    assert answer(evaluation, Question.MINIMAL).grade is grade
    assert len(superfluous(evaluation.examined)) == n_idle


def test_an_edge_that_matters_on_some_of_the_prompts_is_not_superfluous() -> None:
    idle, needed = (evaluation_of(moved=(change, 1.0)).examined[0] for change in (0.0, 0.5))
    assert len(superfluous([idle])) == 1
    assert not superfluous([idle, needed])


def test_a_circuit_without_edges_is_told_so() -> None:
    assert answer(evaluation_of(moved=()), Question.MINIMAL).grade is Grade.UNKNOWN
