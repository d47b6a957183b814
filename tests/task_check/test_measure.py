"""What a model does on a task's prompts is what the search and TransformerLens say of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.errors import UsageError
from acdc_custom.model.open import open_model
from acdc_custom.task import load_task
from acdc_custom.task.starter import write_starter
from acdc_custom.task_check.measure import check_task

ROWS = 'schema = 1\ndescription = "Who?"\nrows = "rows.jsonl"\n'
SENTENCE = "{} is a teacher. {} is a student. The child is"


@cache
def demo() -> Any:
    return open_model("demo-4l", dtype="float64")


@pytest.mark.parametrize("name", ["latest_s", "antonyms"])
def test_the_numbers_are_those_that_a_search_begins_with(name: str) -> None:
    checked = check_task(load_task(name), demo(), n=20, seed=2)
    assert checked.problems == ()
    for one in checked.tried:
        prepared = prepare_batch(load_task(name), demo(), n=20, seed=2, corruption=one.corruption)
        assert one.logit_diff == pytest.approx(prepared.full.logit_diff, rel=1e-9)
        assert one.correct == prepared.full.correct
        assert one.corrupted_logit_diff == pytest.approx(prepared.corrupted.logit_diff, rel=1e-9)
        assert one.kl == pytest.approx(prepared.corrupted.kl, rel=1e-9)


def test_ranks_and_first_words_are_those_of_the_bridge() -> None:
    task, model = load_task("antonyms"), demo()
    (one,) = check_task(task, model, n=16, seed=1).tried
    for place, prompt in enumerate(task.batch(model.tokenizer, n=16, seed=1).prompts):
        with torch.no_grad():
            logits = model.bridge(torch.tensor([prompt.clean_ids]))[0, -1]
        order = logits.argsort(descending=True).tolist()
        assert one.ranks[place] == 1 + order.index(prompt.answer_ids[0])
        assert one.first_words[place] == model.tokenizer.decode([order[0]])


def test_several_answers_and_foils_count_by_their_mean_and_the_best_rank(tmp_path: Path) -> None:
    clean, corrupted = SENTENCE.format("Alice", "Bob"), SENTENCE.format("Bob", "Alice")
    row = f'{{"clean": "{clean}", "corrupted": "{corrupted}", "answer": [" Bob", " Mary"], "foil": [" Alice", " Tom"]}}'
    (tmp_path / "rows.jsonl").write_text(row)
    (tmp_path / "mine.toml").write_text(ROWS)
    model = demo()
    (one,) = check_task(load_task(tmp_path / "mine.toml"), model).tried
    with torch.no_grad():
        logits = model.bridge(torch.tensor([model.tokenizer(clean)["input_ids"]]))[0, -1]
    bob, mary, alice, tom = (logits[model.tokenizer(name)["input_ids"][0]] for name in ("Bob", "Mary", "Alice", "Tom"))
    assert one.logit_diff == pytest.approx(float((bob + mary - alice - tom) / 2))
    assert one.ranks == (1 + int((logits > max(bob, mary)).sum()),)


def test_every_prompt_of_every_corruption_is_counted_once() -> None:
    seen: list[tuple[int, int]] = []
    check_task(load_task("latest_s"), demo(), n=20, on_progress=lambda what, more, total: seen.append((more, total)))
    assert seen == [(16, 40), (4, 40), (16, 40), (4, 40)]


def test_a_starter_has_no_problems_on_the_bundled_model(tmp_path: Path) -> None:
    checked = check_task(load_task(write_starter("mine", tmp_path / "mine.toml")), demo(), n=20)
    assert (checked.problems, checked.notes) == ((), ())
    assert all(one.correct == one.first == 1 and one.kl > 5 for one in checked.tried)


def test_a_model_that_prefers_the_foil_is_a_problem_said_once(tmp_path: Path) -> None:
    path = write_starter("mine", tmp_path / "mine.toml")
    text = path.read_text().replace('answer = " {A}"', 'answer = " {X}"').replace('foil = " {B}"', 'foil = " {A}"')
    path.write_text(text.replace('" {X}"', '" {B}"'))
    (problem,) = check_task(load_task(path), demo(), n=12).problems
    assert problem.what.startswith(
        "switch, rename: the model does not do this: it prefers the foil (logit difference -"
    )


def test_a_corruption_that_changes_little_is_a_problem_that_names_a_better_one(tmp_path: Path) -> None:
    path = write_starter("mine", tmp_path / "mine.toml")
    path.write_text(path.read_text() + '\n[corruptions.thing]\nreplace = { thing = "things" }\n')
    checked = check_task(load_task(path), demo(), n=12)
    kl = {one.corruption: one.kl for one in checked.tried}
    assert kl["thing"] < 0.1 < 1 < kl["switch"]
    (problem,) = checked.problems
    assert problem.what.startswith("thing: clean and corrupted hardly differ for this model: KL 0.0")
    assert problem.fix.startswith(f"Use --corruption {max(kl, key=lambda name: kl[name])} (KL ")


def test_a_prompt_that_is_too_long_is_a_problem_and_not_an_error(tmp_path: Path) -> None:
    path = write_starter("mine", tmp_path / "mine.toml")
    path.write_text(path.read_text().replace('"Later, {A}', f'"{"The book is old. " * 60}Later, {{A}}'))
    checked = check_task(load_task(path), demo(), n=3)
    assert checked.tried == () and len(checked.problems) == 2
    assert "this model reads at most" in checked.problems[0].what


def test_prompts_that_lack_a_position_are_asked_nevertheless(tmp_path: Path) -> None:
    path = write_starter("mine", tmp_path / "mine.toml")
    path.write_text(path.read_text().replace('taker = "{A}"', 'taker = "{A}#7"'))
    checked = check_task(load_task(path), demo(), n=5)
    assert len(checked.problems) == 1 and len(checked.tried[0].kls) == 5


def test_a_model_that_the_engine_does_not_reproduce_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    from acdc_custom.errors import ModelError
    from acdc_custom.task_check import measure

    def fail(*_: object) -> float:
        raise ModelError("the engine does not reproduce it")

    monkeypatch.setattr(measure, "check_batch", fail)
    (problem,) = check_task(load_task("latest_s"), demo(), n=3).problems
    assert (problem.what, problem.fix) == ("the engine does not reproduce it", "Choose another --model.")


@pytest.mark.parametrize(("n", "seed"), [(0, 0), (10**9, 0), (5, -1)])
def test_a_number_that_cannot_be_is_refused(n: int, seed: int) -> None:
    with pytest.raises(UsageError):
        check_task(load_task("ioi"), demo(), n=n, seed=seed)
