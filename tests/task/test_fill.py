"""Sampling words into slots."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from acdc_custom.task import load_task
from acdc_custom.task.fill import Filled, fill_prompts
from acdc_custom.task.spec import TemplateSpec

Write = Callable[..., Path]


def prompts(path: str | Path, corruption: str | None = None, seed: int = 0, n: int = 30) -> list[Filled]:
    task = load_task(path)
    spec = task.spec.prompts
    assert isinstance(spec, TemplateSpec)
    chosen = spec.corruptions[corruption or task.default_corruption]
    return list(itertools.islice(fill_prompts(spec, chosen, seed), n))


def test_the_same_seed_gives_the_same_prompts() -> None:
    assert prompts("ioi", seed=3) == prompts("ioi", seed=3)
    assert prompts("ioi", seed=3) != prompts("ioi", seed=4)


def test_fewer_prompts_are_the_first_of_more() -> None:
    assert prompts("antonyms", n=40)[:7] == prompts("antonyms", n=7)


@pytest.mark.parametrize(("name", "one", "other"), [("ioi", "rename", "swap"), ("latest_s", "switch", "rename")])
def test_the_clean_prompts_do_not_depend_on_the_corruption(name: str, one: str, other: str) -> None:
    assert [p.clean for p in prompts(name, one)] == [p.clean for p in prompts(name, other)]


@pytest.mark.parametrize("name", ["latest_s", "ioi", "antonyms"])
def test_clean_texts_are_distinct_and_templates_take_turns(name: str) -> None:
    made = prompts(name, n=60)
    assert len({p.clean for p in made}) == 60
    count = len(load_task(name).spec.prompts.templates)
    assert [p.template for p in made] == [i % count for i in range(60)]


def test_no_word_is_used_twice_in_a_prompt() -> None:
    for prompt in prompts("antonyms", n=60):
        words = [(ref.slot, prompt.clean[span.start : span.end]) for ref, span in prompt.spans]
        assert len({word for _, word in words}) == len(words)
        assert prompt.answer.strip() not in prompt.clean.split()
        assert prompt.foil.strip() not in prompt.clean.split()


def test_spans_are_where_the_words_are(write: Write, task_text: str) -> None:
    (prompt,) = prompts(write(task_text), n=1)
    words = [prompt.clean[span.start : span.end] for _, span in prompt.spans]
    assert [ref.slot for ref, _ in prompt.spans] == ["A", "B", "B", "A"]
    a, b = words[:2]
    assert words == [a, b, b, a]
    assert prompt.answer == f" {b}"


def test_a_switch_exchanges_two_slots(write: Write, task_text: str) -> None:
    for prompt in prompts(write(task_text), "switch"):
        a, b = prompt.foil.strip(), prompt.answer.strip()
        swapped = prompt.clean.replace(a, "?").replace(b, a).replace("?", b)
        assert prompt.corrupted == swapped


def test_fresh_words_are_new_and_one_occurrence_can_change_alone(write: Write, task_text: str) -> None:
    for prompt in prompts(write(task_text), "rename"):
        a, b = prompt.foil.strip(), prompt.answer.strip()
        new_a, first_b, second_b, again_a = (
            word.strip(".") for word in prompt.corrupted.split() if word.strip(".").istitle() and word != "The"
        )
        assert new_a == again_a
        assert first_b == b
        assert len({a, b, new_a, second_b}) == 4


def test_a_table_slot_takes_the_whole_row_of_another(write: Write, table_text: str) -> None:
    rows = dict(load_task(write(table_text)).spec.prompts.words["pairs"].rows)
    for prompt in prompts(write(table_text), n=8):
        assert rows[prompt.corrupted.split()[-2]] == prompt.foil.strip()
        assert rows[prompt.clean.split()[-2]] == prompt.answer.strip()


def test_a_corruption_may_have_its_own_foil() -> None:
    for prompt in prompts("latest_s", "rename"):
        assert prompt.foil == " " + prompt.clean.split(". The child is ")[1].split(".")[0]


def test_prompts_end_when_no_new_one_is_found(write: Write, task_text: str) -> None:
    small = task_text.replace(', "David", "Erin"', "")
    assert len(prompts(write(small), n=1000)) == 6
    assert prompts(write(small), "rename", n=1000) == []


def test_a_used_up_template_leaves_the_others(write: Write, table_text: str) -> None:
    made = prompts(write(table_text), n=1000)
    by_template = [sum(p.template == i for p in made) for i in (0, 1)]
    # q and r are two of three disjoint pairs, d the third; hot/cold and big/small go both ways.
    assert by_template == [16, 10]
