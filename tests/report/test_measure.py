"""What is measured for a report agrees with the model's own code and with the search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acdc_custom.graph import Sender, Stage
from acdc_custom.report import measure as measure_module
from acdc_custom.report.contents import Contents
from acdc_custom.report.measure import measure, strongest_heads
from acdc_custom.report.prompts import N_EXAMPLES, choose, pieces, words_at_places
from acdc_custom.runs.reopen import Reopened, reopen


@pytest.fixture(scope="module")
def run(small_run: Path) -> Reopened:
    return reopen(small_run)


@pytest.fixture(scope="module")
def contents(run: Reopened) -> Contents:
    return measure(run)


def test_the_spreads_have_the_means_that_the_circuit_file_holds(contents: Contents) -> None:
    outcome = contents.circuit.outcome
    for spread, behaviour in (
        (contents.model, outcome.model),
        (contents.inside, outcome.circuit),
        (contents.empty, outcome.empty),
    ):
        assert len(spread.values) == contents.circuit.settings.prompts.n
        assert spread.mean == pytest.approx(behaviour.logit_diff, abs=1e-4)
        assert sum(value > 0 for value in spread.values) / len(spread.values) == behaviour.correct
    assert contents.corrupted == contents.empty


def test_the_guesses_of_the_model_are_those_of_transformer_lens(run: Reopened, contents: Contents) -> None:
    for row, example in zip(choose(run.prepared.batch.prompts), contents.examples, strict=True):
        prompt = run.prepared.batch.prompts[row]
        with torch.no_grad():
            logits = run.prepared.model.bridge(torch.tensor([prompt.clean_ids]))[0, -1]
        probabilities = logits.softmax(0)
        guess = example.guesses[0]
        assert guess.probability == pytest.approx(float(probabilities.max()), abs=1e-5)
        assert guess.likeliest == run.prepared.model.tokenizer.decode([int(logits.argmax())]).strip()
        assert guess.answer == pytest.approx(float(probabilities[list(prompt.answer_ids)].sum()), abs=1e-5)
        assert guess.logit_diff == pytest.approx(contents.model.values[row], abs=1e-4)


def test_the_attention_is_that_of_transformer_lens(run: Reopened, contents: Contents) -> None:
    data = contents.attention
    assert data is not None
    assert {head.name for head in data.heads} == {str(head) for head in strongest_heads(run.circuit)}
    prompt = run.prepared.batch.prompts[choose(run.prepared.batch.prompts)[0]]
    for text, ids in enumerate((prompt.clean_ids, prompt.corrupted_ids)):
        _, cache = run.prepared.model.bridge.run_with_cache(torch.tensor([ids]))
        for head, of in zip(data.heads, data.patterns, strict=True):
            layer, number = head.name.removeprefix("a").split(".h")
            theirs = cache[f"blocks.{layer}.attn.hook_pattern"][0, int(number)]
            for query, row in enumerate(of[text]):
                assert len(row) == query + 1
                assert torch.tensor(row) / 1000 == pytest.approx(theirs[query, : query + 1], abs=6e-4)


def test_the_pieces_of_a_prompt_are_its_text(run: Reopened, contents: Contents) -> None:
    tokenizer = run.prepared.model.tokenizer
    for prompt in run.prepared.batch.prompts:
        found = pieces(prompt.clean, len(prompt.clean_ids), tokenizer)
        assert len(found) == len(prompt.clean_ids)
        assert "".join(found[-len(found) + bool(run.prepared.task.prepend_bos) :]) == prompt.clean
    for example in contents.examples:
        assert any(piece.changed for piece in example.clean)
        for clean, corrupted in zip(example.clean, example.corrupted, strict=True):
            assert clean.changed == (clean.text != corrupted.text)


def test_words_at_positions_are_the_tokens_there_with_the_commonest_first(run: Reopened, contents: Contents) -> None:
    decode, prompts = run.prepared.model.tokenizer.decode, run.prepared.batch.prompts
    assert [place.place for place in contents.places] == [*prompts[0].positions]
    assert contents.places[-1].place == "END"
    for place in contents.places:
        for counted, ids in ((place.clean, "clean_ids"), (place.corrupted, "corrupted_ids")):
            there = [decode([getattr(prompt, ids)[prompt.positions[place.place]]]).strip() for prompt in prompts]
            assert sorted(there) == sorted(word for word, n in counted for _ in range(n))
            assert [n for _, n in counted] == sorted((n for _, n in counted), reverse=True)
        at = [(prompt, prompt.positions[place.place]) for prompt in prompts]
        differ = [prompt.clean_ids[here] != prompt.corrupted_ids[here] for prompt, here in at]
        assert place.changes == any(differ)
    changed = {place.place for place in contents.places if place.changes}
    assert "S2" in changed and "END" not in changed


def test_a_position_whose_words_change_places_among_the_prompts_is_no_unchanged_one(run: Reopened) -> None:
    first = run.prepared.batch.prompts[0]
    other = replace(first, clean=first.corrupted, corrupted=first.clean, clean_ids=first.corrupted_ids,
                    corrupted_ids=first.clean_ids)  # fmt: skip
    places = words_at_places([first, other], run.prepared.model.tokenizer)
    assert all(place.clean == place.corrupted for place in places)
    assert {place.place for place in places if place.changes} >= {"S2"}


def test_examples_show_every_template_first(run: Reopened) -> None:
    prompts = run.prepared.batch.prompts
    chosen = choose(prompts)
    templates = {prompt.template for prompt in prompts}
    assert len(chosen) == N_EXAMPLES == len(set(chosen))
    assert {prompts[row].template for row in chosen[: len(templates)]} >= set(list(templates)[:N_EXAMPLES])
    assert choose(prompts[:1]) == [0]


def test_every_node_of_the_circuit_has_its_attribution(contents: Contents) -> None:
    assert set(contents.facts) == {str(node) for node in contents.circuit.nodes}
    assert all(of[0].value.endswith(" logits") for of in contents.facts.values())
    assert len(contents.figures) == 5


# -- roles that have been measured ---------------------------------------------------------------------------


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Roles are not measured anew but noted here."""
    measured: list[str] = []
    monkeypatch.setattr(measure_module, "head_table", lambda run, on_step: measured.append("anew"))
    monkeypatch.setattr(measure_module, "analysis_figures", lambda run, on_step: ())
    return measured


def test_roles_of_this_circuit_are_not_measured_again(run: Reopened, contents: Contents, measuring: list[str]) -> None:
    assert contents.heads is not None and contents.heads.is_about(run.circuit)
    assert measure(run, heads=contents.heads).heads is contents.heads
    assert measuring == []


def test_roles_of_anything_else_are_measured_anew(run: Reopened, contents: Contents, measuring: list[str]) -> None:
    table = contents.heads
    assert table is not None
    first, *rest = table.rows
    others = [
        None,
        *(
            replace(table, source=replace(table.source, **other))
            for other in (
                {"batch_sha256": "0" * 64},
                {"weights_sha256": "0" * 64},
                {"definitions": table.source.definitions - 1},
            )
        ),
        replace(table, rows=tuple(rest)),
        replace(table, rows=(replace(first, in_circuit=False), *rest)),
    ]
    for number, other in enumerate(others, 1):
        assert measure(run, heads=other).heads is None  # what the stand-in gives
        assert measuring == ["anew"] * number


def test_a_table_of_all_heads_will_do(run: Reopened, contents: Contents, measuring: list[str]) -> None:
    table = contents.heads
    assert table is not None
    outside = replace(table.rows[0], head=Sender(3, Stage.HEAD, 7), in_circuit=False)
    assert outside.head not in table.roles
    whole = replace(table, rows=(*table.rows, outside))
    assert measure(run, heads=whole).heads is whole and measuring == []
