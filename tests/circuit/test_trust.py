"""The sentence about the test prompts, and the warning with the command to give next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from circuits import example_circuit, scored_circuit

from acdc_custom.circuit.circuit import Circuit, TaskPerformance, TestOutcome
from acdc_custom.circuit.trust import on_test_prompts, warning
from acdc_custom.stats.intervals import Estimate

EMPTY = TaskPerformance(2.0, -1.0, 0.25)


def with_test(
    circuit: Circuit, value: float | None = 0.9, kl: float = 0.1, of_model: float = 1.0, inside: float = 0.9
) -> Circuit:
    faithfulness = None if value is None else Estimate(value, value - 0.05, value + 0.04)
    model, own = TaskPerformance(0.0, 4.0, of_model), TaskPerformance(kl, 3.0, inside)
    return replace(circuit, test=TestOutcome(80, model, own, EMPTY, faithfulness))


def test_the_sentence_has_the_share_its_interval_and_how_often_the_answer_wins() -> None:
    assert on_test_prompts(with_test(example_circuit())) == (
        "On 80 prompts that the search has not seen, the circuit recovers 90% (95% interval 85 to 94%) of the logit "
        "difference, and the answer wins in 90% of them (whole model: 100%)."
    )


def test_a_share_that_is_not_defined_is_said_to_be_so() -> None:
    assert "faithfulness is not defined" in on_test_prompts(with_test(example_circuit(), None))


def test_without_a_test_that_is_said() -> None:
    assert on_test_prompts(example_circuit()).startswith("Not tested on prompts that the search has not seen")
    assert warning(example_circuit(), "ioi", "demo-4l") is None


def test_a_circuit_that_holds_has_no_warning() -> None:
    assert warning(with_test(example_circuit()), "ioi", "demo-4l") is None


@pytest.mark.parametrize(
    ("circuit", "cause", "command"),
    [
        (with_test(example_circuit(), of_model=0.6), "the model hardly does this task: its answer wins in 60%",
         "acdc-custom tasks check ./it.toml --model my"),
        (with_test(example_circuit(), None), "the model hardly does this task", "acdc-custom tasks check"),
        (with_test(example_circuit(), 0.9, kl=0.2), "its KL is 0.100 nats on them, and 0.200 on others", " --n 200 "),
        (with_test(example_circuit(), 0.3), "it recovers 30% on the test prompts. Take a smaller threshold.",
         " --threshold 0.003 "),
        (with_test(scored_circuit(), 0.3), "it recovers 30% on the test prompts. Take more edges.", " --edges 9"),
    ],
)  # fmt: skip
def test_a_warning_names_the_cause_and_the_command(circuit: Circuit, cause: str, command: str) -> None:
    found = warning(circuit, "./it.toml", "my")
    assert found is not None and cause in found.cause and command in f"{found.command} "


def test_a_warning_says_about_how_long_the_command_takes() -> None:
    slow = replace(with_test(example_circuit(), 0.9, kl=0.2), search=replace(example_circuit().search, seconds=60.0))
    assert str(warning(slow, "ioi", "demo-4l")).endswith("(about 4 minutes)")


def test_a_circuit_that_was_chosen_by_its_faithfulness_is_asked_for_so_again() -> None:
    found = warning(with_test(example_circuit(), 0.9, kl=0.2), "ioi", "demo-4l", 0.8)
    assert found is not None and found.command.endswith(" --faithfulness 0.8")
    assert "--threshold" not in found.command
    assert warning(with_test(example_circuit(), 0.3), "ioi", "demo-4l", 0.8) is None
