"""Whether a circuit holds on prompts that its search has not seen: the sentence that says so, and what to do if not.

Owns the words of both, which the terminal, the picture and the pages share, and the limits at which a warning is due.
"""

from __future__ import annotations

from dataclasses import dataclass

from acdc_custom.circuit.circuit import Circuit, TestOutcome
from acdc_custom.circuit.commands import command
from acdc_custom.errors import duration
from acdc_custom.stats.intervals import Estimate

LEAST_FAITHFUL = 0.5  # on the test prompts
MOST_DRIFT = 1.5  # times the KL of the search prompts
LEAST_CORRECT = 0.75  # share of the test prompts in which the model's answer wins
ROUNDING = 1e-3  # nats: KLs below this are not compared
MORE_PROMPTS = 4  # times as many are tried next
SMALLER = 3  # times smaller the threshold that is tried next, or larger the circuit
SLOWER = 2  # times longer a search takes at a threshold that is `SMALLER`: see docs/methods.md


def on_test_prompts(circuit: Circuit) -> str:
    """The headline, one sentence: what the circuit does on the test prompts."""
    test = circuit.test
    if test is None:
        return "Not tested on prompts that the search has not seen."
    on = f"On {test.n} prompts that the search has not seen, the circuit"
    wins = f"the answer wins in {test.circuit.correct:.0%} of them (whole model: {test.model.correct:.0%})"
    if test.faithfulness is None:
        return (
            f"{on}'s faithfulness is not defined, since the model may be no better there than no edges at all; {wins}."
        )
    return f"{on} recovers {share_of(test.faithfulness)} of the logit difference, and {wins}."


def share_of(faithfulness: Estimate) -> str:
    """`83% (95% interval 78 to 88%)`."""
    low, high = (100 * bound for bound in (faithfulness.low, faithfulness.high))
    return f"{faithfulness.value:.0%} (95% interval {low:.0f} to {high:.0f}%)"


@dataclass(frozen=True)
class Warning:
    """What is wrong with a circuit, and the command to give next."""

    cause: str
    command: str
    seconds: float | None  # that the command is expected to take; None: soon done

    def __str__(self) -> str:
        return (
            f"{self.cause} Next: {self.command}{'' if self.seconds is None else f' (about {duration(self.seconds)})'}"
        )


def warning(circuit: Circuit, task: str, model: str, faithfulness: float | None = None) -> Warning | None:
    """What to beware of, if anything.

    `task` and `model` are as the user gave them, and so is the `faithfulness` that the circuit was chosen by.
    """
    test, settings = circuit.test, circuit.settings
    if test is None:
        return None
    if test.model.correct < LEAST_CORRECT or test.faithfulness is None:
        return Warning(
            f"the model hardly does this task: its answer wins in {test.model.correct:.0%} of the test prompts. A "
            "circuit of it means little.",
            f"acdc-custom tasks check {task} --model {model}",
            None,
        )
    seconds, n = circuit.search.seconds, settings.prompts.n or 0
    if test.circuit.kl > MOST_DRIFT * circuit.outcome.circuit.kl and test.circuit.kl > ROUNDING:
        kl = circuit.outcome.circuit.kl
        more = settings.with_(n=MORE_PROMPTS * n)
        if faithfulness is not None:
            more = more.with_(threshold=None, start="")
        asked = "" if faithfulness is None else f" --faithfulness {faithfulness:g}"
        return Warning(
            f"the circuit fits the {n} prompts of the search and not the task: its KL is {kl:.3f} nats on them, and "
            f"{test.circuit.kl:.3f} on others. Search more prompts.",
            command(task, model, more) + asked,
            MORE_PROMPTS * seconds,
        )
    if test.faithfulness.value < LEAST_FAITHFUL and faithfulness is None:
        return _too_small(circuit, test, task, model)
    return None


def _too_small(circuit: Circuit, test: TestOutcome, task: str, model: str) -> Warning:
    assert test.faithfulness is not None
    settings = circuit.settings
    if settings.threshold is None:
        larger = settings.with_(edges=SMALLER * (settings.edges or 1))
        what, seconds = "Take more edges.", circuit.search.seconds
    else:
        larger = settings.with_(threshold=float(f"{settings.threshold / SMALLER:.1g}"))
        what, seconds = "Take a smaller threshold.", SLOWER * circuit.search.seconds
    return Warning(
        f"the circuit does little of the task: it recovers {test.faithfulness.value:.0%} on the test prompts. {what}",
        command(task, model, larger),
        seconds,
    )
