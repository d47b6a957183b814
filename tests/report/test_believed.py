"""What a page says of an evaluation, and which direction of a p-value speaks for the circuit."""

from __future__ import annotations

from dataclasses import replace

from evaluations import evaluation_of, random, three_tests

from acdc_custom.evaluate.kinds import Hypothesis
from acdc_custom.report.believed import believed_of


def test_a_small_p_among_random_circuits_speaks_for_the_circuit() -> None:
    (near,) = believed_of(evaluation_of(p=0.02)).random
    assert (near.kind, near.p, near.p_logit_diff) == ("random paths", "0.02", "0.02")
    assert (near.own, near.theirs) == ("0.1", "1.9 (1.5 to 2)")
    assert near.meaning.startswith("for the circuit")
    (chance,) = believed_of(evaluation_of(p=0.4)).random
    assert chance.meaning.startswith("not for the circuit")


def test_of_few_random_circuits_there_is_no_p() -> None:
    few = replace(random(0.05), n=19)
    (line,) = believed_of(replace(evaluation_of(), random=(few,))).random
    assert (line.p, line.p_logit_diff) == ("-", "-")
    assert line.meaning == "unknown: there are only 19 of this kind, and it takes 20 to tell"


def test_a_small_p_of_a_test_speaks_against_the_circuit() -> None:
    lines = believed_of(replace(evaluation_of(), tests=three_tests(0.5, 0.05, 1e-33))).tests
    assert [(line.name, line.p) for line in lines] == list(zip(Hypothesis, ["0.5", "0.05", "1e-33"], strict=True))
    assert lines[0].meaning == f"not against the circuit: {Hypothesis.EQUIVALENCE.retained}"
    assert lines[1].meaning == f"against the circuit: {Hypothesis.INDEPENDENCE.rejected}"
    assert lines[2].meaning == f"against the circuit: {Hypothesis.MINIMALITY.rejected}"


def test_it_says_on_which_prompts_and_what_was_not_done() -> None:
    evaluation = evaluation_of()
    assert believed_of(evaluation).where == "50 new prompts, which the search has not seen"
    only = replace(evaluation, prompts=evaluation.prompts[:1], notes=("There are no others.",))
    believed = believed_of(only)
    assert believed.where == "the 50 prompts that the circuit was found on, since there are no new ones"
    assert believed.notes == ("There are no others.",)
