"""What the page says of numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from circuits import example_circuit, scored_circuit

from acdc_custom.choices import Ablation, Metric, Ranking
from acdc_custom.circuit.circuit import Circuit, TaskPerformance
from acdc_custom.circuit.settings import NAMES
from acdc_custom.export.caption import RANKED_BY
from acdc_custom.report import words


def with_logit_diffs(model: float, circuit: float, empty: float) -> Circuit:
    made = example_circuit()
    kinds = {"model": model, "circuit": circuit, "empty": empty}
    outcome = replace(made.outcome, **{name: TaskPerformance(0.1, value, 0.9) for name, value in kinds.items()})
    return replace(made, outcome=outcome)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((4, 4, 0), "do the task on their own: they recover 100 %"),
        ((4, 3, 0), "do most of the task on their own: they recover 75 %"),
        ((4, 1, 0), "do a part of the task on their own: they recover 25 %"),
        ((4, 0.1, 0), "do next to nothing of the task on their own: they recover 2.5 %"),
        ((4, -1, 0), "do next to nothing of the task on their own: they recover -25 %"),
        ((4, 14, 0), "do more than the whole model"),
        ((-1, 4, 0), "the model does not do this task"),
        ((4, 4, 4), "Removing every edge does not change"),
    ],
)
def test_the_finding_says_how_much_of_the_task_the_circuit_does(numbers: tuple[float, ...], said: str) -> None:
    assert said in words.finding(with_logit_diffs(*numbers))


def test_an_overshooting_circuit_is_warned_of() -> None:
    assert any("worked against the answer" in said for said in words.circuit_verdict(with_logit_diffs(4, 14, 0)))
    assert not any("worked against the answer" in said for said in words.circuit_verdict(with_logit_diffs(4, 4, 0)))


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (0.004, "0.4 %"), (0.0996, "10 %"), (0.914, "91 %"), (1, "100 %")]
)
def test_percentages_have_decimals_only_where_they_are_small(share: float, text: str) -> None:
    assert words.percent(share) == text


def test_a_divergence_that_is_rounding_is_zero() -> None:
    assert (words.nats(2e-7), words.nats(0.0442)) == ("0 nats", "0.0442 nats")


def test_every_setting_is_listed_with_its_value_and_its_meaning() -> None:
    rows = list(words.settings_table(example_circuit()))
    assert [name.replace(" ", "_") for name, _, _ in rows] == list(NAMES)
    assert all(value and meaning for _, value, meaning in rows)


@pytest.mark.parametrize("metric", [*Metric, "mine:metric"])
@pytest.mark.parametrize("ablation", list(Ablation))
def test_every_metric_and_every_ablation_has_its_limits_said(metric: str, ablation: Ablation) -> None:
    circuit = example_circuit()
    settings = replace(circuit.settings, metric=str(metric), ablation=ablation.value)
    circuit = replace(circuit, provenance=replace(circuit.provenance, settings=settings))
    said = dict(words.limits(circuit))
    assert len(said) == 7 and all(sentence.endswith(".") for sentence in said.values())
    assert {"One search, in one order", "One batch of prompts", "The threshold"} <= set(said)
    if metric == "mine:metric":
        assert "mine:metric" in said["What the metric sees"]


def test_hundredths_have_no_negative_zero() -> None:
    assert [words.hundredths(value) for value in (-0.004, 0.004, -0.02, 13.456)] == ["0.00", "0.00", "-0.02", "13.46"]


def test_heads_that_were_knocked_out_are_named() -> None:
    circuit = example_circuit()
    assert words.knocked_out(circuit) == ""
    settings = replace(circuit.settings, knock_out="a1.h0,a0.h2")
    said = words.knocked_out(replace(circuit, provenance=replace(circuit.provenance, settings=settings)))
    assert "without L0H2, L1H0:" in said


@pytest.mark.parametrize("ranking", Ranking)
def test_of_scored_edges_nothing_is_said_of_decisions(ranking: Ranking) -> None:
    circuit = scored_circuit(ranking.value)
    (facts,) = words.search_facts(circuit)
    assert f"eap-ig scored {circuit.graph.n_edges} edges in 1.5 s, in logits." in facts
    assert f"the 3 that come first by {RANKED_BY[ranking]}." in facts
    headings = [heading for heading, _ in words.limits(circuit)]
    assert "Scores are estimates" in headings and "What the scores see" in headings
    assert not {"The threshold", "What the metric sees", "One search, in one order"} & set(headings)
    said = " ".join([words.finding(circuit), facts, *(text for _, text in words.limits(circuit))])
    assert "threshold" not in said and "was tested" not in said.replace("no circuit was tested", "")
    assert words.effect_is(circuit) == "the score that eap-ig gave the edge (logits)"
    rows = {name: (value, meaning) for name, value, meaning in words.settings_table(circuit)}
    assert rows["edges"][0] == "3" and "this one scores them" in rows["threshold"][1]
    assert all(meaning for _, meaning in rows.values())
