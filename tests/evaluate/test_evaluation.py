"""An evaluation of a real run: what is in it, and that its parts agree with each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.evaluate.evaluation import evaluate_circuit, roles_of
from acdc_custom.evaluate.kinds import Hypothesis, PromptKind, Subject
from acdc_custom.evaluate.prompt_sets import FEWEST, prompt_sets
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.graph import Sender
from acdc_custom.runs.reopen import reopen
from acdc_custom.search import beside
from acdc_custom.search.registry import scoring_methods
from acdc_custom.task import load_task


def test_on_the_discovery_prompts_it_finds_what_the_run_found(evaluation: Evaluation, small_run: Path) -> None:
    outcome = Circuit.load(small_run).outcome
    found = evaluation.prompts[0]
    assert found.kind is PromptKind.DISCOVERY
    for subject, behaviour in [
        (Subject.CIRCUIT, outcome.circuit),
        (Subject.MODEL, outcome.model),
        (Subject.EMPTY, outcome.empty),
    ]:
        here = found.of(subject)
        assert here is not None
        assert here.logit_diff.value == pytest.approx(behaviour.logit_diff, abs=1e-3)
        assert here.kl.value == pytest.approx(behaviour.kl, abs=1e-3)
        assert here.correct.value == behaviour.correct
    circuit = found.of(Subject.CIRCUIT)
    assert circuit is not None and circuit.normalised is not None
    assert circuit.normalised.value == pytest.approx(outcome.faithfulness, abs=1e-3)


def test_everything_is_as_large_as_the_circuit(evaluation: Evaluation, small_run: Path) -> None:
    n_edges = len(Circuit.load(small_run).edges)
    sizes = {m.subject: m.n_edges for on in evaluation.prompts for m in on.measured}
    ranked = {title for on in evaluation.prompts for title in on.ranked}
    assert ranked == {method.title for method in scoring_methods()}
    assert {sizes[subject] for subject in (Subject.CIRCUIT, *ranked)} == {n_edges}
    assert sizes[Subject.EMPTY] == 0 < n_edges < sizes[Subject.MODEL] == evaluation.source.of_edges
    assert all(len(examined.edges) == n_edges for examined in evaluation.examined)


def test_the_circuit_is_taken_apart_on_old_and_on_new_prompts_and_tested_on_new_ones(evaluation: Evaluation) -> None:
    assert [examined.prompts for examined in evaluation.examined] == ["discovery prompts", "new prompts"]
    assert evaluation.main.kind is PromptKind.FRESH
    assert {random.prompts for random in evaluation.random} == {"new prompts"}
    assert [test.hypothesis for test in evaluation.tests] == list(Hypothesis)
    assert all(0 <= test.p <= 1 for test in evaluation.tests)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_evaluation_and_progress_is_told_to_the_end(
    evaluation: Evaluation, small_run: Path
) -> None:
    done: dict[str, int] = {}
    totals: dict[str, int] = {}

    def note(what: str, more: int, total: int) -> None:
        done[what] = done.get(what, 0) + more
        totals[what] = total

    again = evaluate_circuit(reopen(small_run).prepared, Circuit.load(small_run), n=6, draws=20, on_progress=note)
    assert replace(again, source=evaluation.source) == evaluation
    assert len(done) > 5 and done == totals


def test_a_circuit_without_edges_is_told_to_be_nothing(small_run: Path) -> None:
    prepared, circuit = reopen(small_run).prepared, Circuit.load(small_run)
    none = evaluate_circuit(prepared, replace(circuit, edges=()), n=6, draws=20)
    assert none.main.of(Subject.CIRCUIT) == none.main.of(Subject.EMPTY)
    assert not none.random and not none.examined[0].knocked_out
    assert [test.hypothesis for test in none.tests] == [Hypothesis.EQUIVALENCE, Hypothesis.INDEPENDENCE]
    assert none.tests[0].p < 0.05 or none.tests[0].n < 8


@pytest.fixture(scope="module")
def ranked(small_run: Path) -> Evaluation:
    """That of five edges which EAP ranked, where exact effects would take too long."""
    prepared, circuit = reopen(small_run).prepared, Circuit.load(small_run)
    settings = replace(circuit.settings, method="eap", threshold=None, edges=5)
    scored = replace(circuit, edges=circuit.strongest(5), provenance=replace(circuit.provenance, settings=settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "MOST_RUNS", 2_400)  # 310 edges on 8 prompts are 2,480
        return evaluate_circuit(prepared, scored, n=6, draws=20)


def test_a_method_that_would_take_too_long_is_left_out_and_that_is_told(ranked: Evaluation) -> None:
    assert "Edge effects" not in ranked.main.ranked and "EAP-IG (inputs)" in ranked.main.ranked
    (note,) = (note for note in ranked.notes if "Edge effects" in note)
    assert "2,480 runs of a prompt, and 2,400 at most" in note and "discover --method edge-effects" in note


def test_a_circuit_that_a_method_ranked_is_not_compared_with_itself(ranked: Evaluation) -> None:
    assert ranked.main.ranked and "EAP" not in ranked.main.ranked


def test_too_few_draws_are_refused(small_run: Path) -> None:
    with pytest.raises(UsageError, match="3 draws"):
        evaluate_circuit(reopen(small_run).prepared, Circuit.load(small_run), draws=3)


def test_without_measured_heads_there_are_no_classes() -> None:
    assert roles_of(None) == {}


# -- prompts ------------------------------------------------------------------------------------------------


def test_no_new_prompt_is_one_of_the_discovery_prompts(small_run: Path) -> None:
    prepared = reopen(small_run).prepared
    made = prompt_sets(prepared, 30, seed=prepared.batch.seed)  # the same seed: the first ones are the run's own
    old = {prompt.clean for prompt in prepared.batch.prompts}
    kinds = [each.kind for each in made.sets]
    assert kinds[0] is PromptKind.DISCOVERY and PromptKind.FRESH in kinds and PromptKind.TEMPLATE in kinds
    for each in made.sets[1:]:
        assert FEWEST <= len(each.batch.prompts) <= 30
        assert not old.intersection(prompt.clean for prompt in each.batch.prompts)


def test_templates_that_the_run_left_out_are_tried_together(small_run: Path) -> None:
    prepared = reopen(small_run).prepared
    batch = prepared.task.batch(prepared.model.tokenizer, 8, 0, None, "1,2")
    made = prompt_sets(replace(prepared, batch=batch), 12, seed=1)
    (others,) = (each for each in made.sets if each.kind is PromptKind.TEMPLATE)
    assert others.name == "templates 0,3" and {p.template for p in others.batch.prompts} == {0, 3}
    (fresh,) = (each for each in made.sets if each.kind is PromptKind.FRESH)
    assert {p.template for p in fresh.batch.prompts} == {1, 2}


def test_other_words_share_none_with_the_discovery_prompts_or_it_is_told_why_not(small_run: Path) -> None:
    prepared = reopen(small_run).prepared
    few = replace(prepared.batch, prompts=prepared.batch.prompts[:2])
    made = prompt_sets(replace(prepared, batch=few), 8, seed=1)
    (others,) = (each for each in made.sets if each.kind is PromptKind.WORDS)
    names = {word for p in few.prompts for word in (p.answer[0], p.foil[0])}
    assert not any(name in p.clean for name in names for p in others.batch.prompts)
    many = prepared.task.batch(prepared.model.tokenizer, 60, 0)
    made = prompt_sets(replace(prepared, batch=many), 8, seed=1)
    assert PromptKind.WORDS not in [each.kind for each in made.sets]
    assert any("other words" in note and "--also" in note for note in made.notes)


def test_rows_that_were_not_used_are_new_prompts_and_if_there_are_none_it_is_told(
    small_run: Path, tmp_path: Path
) -> None:
    prepared = reopen(small_run).prepared
    lines = [
        json.dumps({"clean": p.clean, "corrupted": p.corrupted, "answer": p.answer[0], "foil": p.foil[0]})
        for p in prepared.task.batch(prepared.model.tokenizer, 20).prompts
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    (tmp_path / "mine.toml").write_text('schema = 1\ndescription = "Rows."\nmetric = "kl"\nrows = "rows.jsonl"\n')
    rows = load_task(tmp_path / "mine.toml")
    for used, kinds in [(10, [PromptKind.DISCOVERY, PromptKind.FRESH]), (20, [PromptKind.DISCOVERY])]:
        batch = rows.batch(prepared.model.tokenizer, used)
        made = prompt_sets(replace(prepared, task=rows, batch=batch), 8, seed=1)
        assert [each.kind for each in made.sets] == kinds
        assert len(made.notes) == (used == 20)
    assert "There are no new prompts" in made.notes[0] and "rows" in made.notes[0]


def test_another_tasks_prompts_are_tried_too(small_run: Path) -> None:
    made = prompt_sets(reopen(small_run).prepared, 7, 1, [load_task("latest_s")])
    assert (made.sets[-1].name, len(made.sets[-1].batch.prompts)) == ("task latest_s", 7)


def test_knocked_out_nodes_are_the_circuits(evaluation: Evaluation, small_run: Path) -> None:
    nodes = set(Circuit.load(small_run).nodes) - {Sender.parse("embed")}
    assert {node for row in evaluation.examined[0].knocked_out for node in row.nodes} <= nodes
