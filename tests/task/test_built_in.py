"""The built-in tasks ask what they say, and name the model that they are made for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import row_tasks

from acdc_custom.errors import TaskError
from acdc_custom.model.catalogue import DEFAULT_MODEL, PACKAGED
from acdc_custom.task import load_task, task_names
from acdc_custom.task.spec import TemplateSpec

Make = Callable[[str], Any]
MODELS = {model.name: model for model in PACKAGED}
FOR_DEMO = [name for name in task_names() if not load_task(name).model]
CYCLES = {
    "sequence_digits": "1 2 3 4 5 6 7 8 9",
    "sequence_number_words": "one two three four five six seven eight nine ten eleven twelve",
    "sequence_months": "January February March April May June July August September October November December",
}


@pytest.fixture(scope="session")
def bundled() -> Any:
    from transformers import AutoTokenizer

    from acdc_custom.model.catalogue import BundledModel, find

    model = find(DEFAULT_MODEL)
    assert isinstance(model, BundledModel)
    return AutoTokenizer.from_pretrained(model.directory)


@pytest.mark.parametrize("name", row_tasks.MAKERS)
def test_a_rows_file_is_what_its_rule_makes(name: str) -> None:
    file = row_tasks.TASKS / f"{name}.jsonl"
    assert file.read_text(encoding="utf-8") == row_tasks.text(name), "run python tests/row_tasks.py"


def test_greater_than_takes_digits_above_and_below_and_leaves_the_same_one_out() -> None:
    for row in row_tasks.greater_than():
        century, tens, ones, again = re.fullmatch(r".* year (\d\d)(\d)(\d) to the year (\d\d)", row["clean"]).groups()
        assert century == again
        assert set(row["answer"]) == {digit for digit in "0123456789" if digit > tens}
        assert set(row["foil"]) == {digit for digit in "0123456789" if digit < tens}
        assert row["corrupted"] == row["clean"].replace(tens + ones + " to", "01 to")


def test_a_pronoun_is_that_of_its_name_in_every_row() -> None:
    pronouns: dict[str, set[str]] = {}
    for row in row_tasks.gendered_pronoun():
        for key, pronoun in (("clean", row["answer"]), ("corrupted", row["foil"])):
            pronouns.setdefault(row[key].split()[1], set()).add(pronoun)
    assert all(len(of_one) == 1 for of_one in pronouns.values())
    assert set.union(*pronouns.values()) == {" he", " she"}


@pytest.mark.parametrize("name", CYCLES)
def test_a_sequence_goes_on_in_order_and_its_corruption_is_in_none(name: str) -> None:
    prompts = load_task(name).spec.prompts
    assert isinstance(prompts, TemplateSpec)
    members = CYCLES[name].split()
    for row in prompts.words["steps"].rows:
        first = members.index(row[0])
        assert list(row) == members[first : first + 4]
    for row in prompts.words["disordered"].rows:
        first, second, third = map(members.index, row[:3])
        assert second - first != third - second and abs(second - first) > 1 and abs(third - second) > 1


def test_the_numbers_of_subjects_are_those_of_the_name() -> None:
    for sources, targets in ((2, 3), (3, 2), (3, 3)):
        text = load_task(f"latest_s_{sources}_{targets}").text
        (template,) = re.findall(r'templates = \[\s*"(.*)"', text)
        first, second, rest = template.split("The child is")
        assert (first.count(" is a "), second.count(" is a "), rest) == (sources, targets, "")


def test_an_induction_prompt_asks_for_what_followed(words_and_digits: Make) -> None:
    task = load_task("induction")
    for prompt in task.batch(words_and_digits(task.text)).prompts:
        for text, (following,) in ((prompt.clean, prompt.answer), (prompt.corrupted, prompt.foil)):
            *before, last = text.split()
            assert before.count(last) == 1
            assert before[before.index(last) + 1] == following.strip()


@pytest.mark.parametrize("name", FOR_DEMO)
def test_a_task_for_every_model_makes_32_prompts_of_every_corruption_for_the_bundled_one(
    name: str, bundled: Any
) -> None:
    task = load_task(name)
    for corruption in task.corruptions:
        assert len(task.batch(bundled, n=32, corruption=corruption).prompts) == 32


@pytest.mark.parametrize("name", [name for name in task_names() if load_task(name).model])
def test_a_task_for_another_model_says_so_where_it_cannot_be_asked(name: str, words_and_digits: Make) -> None:
    task = load_task(name)
    assert task.model in MODELS
    with pytest.raises(TaskError, match=rf"\(this task is made for the model {task.model}\)$"):
        task.batch(words_and_digits("no word of it"), n=32)


def test_a_wrong_corruption_is_no_matter_of_the_model(words_and_digits: Make) -> None:
    with pytest.raises(TaskError, match=r"This task has: swap$"):
        load_task("capital_city").batch(words_and_digits("x"), corruption="swop")


def test_the_model_of_a_task_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(load_task("capital_city").text.replace('model = "smollm2-135m"', "model = 3"), encoding="utf-8")
    with pytest.raises(TaskError, match="model: has to be a text in quotes, not 3"):
        load_task(path)


@pytest.fixture(scope="module")
def documented() -> dict[str, list[str]]:
    """The table of the task guide: task -> its cells."""
    page = (row_tasks.TASKS.parent / "docs/tasks.md").read_text(encoding="utf-8")
    _, _, table = page.partition("<!-- tasks -->")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.partition("<!-- end -->")[0].split("\n")
    ]
    return {cells[0].strip("`"): cells[1:] for cells in rows if cells[0].startswith("`")}


def test_every_built_in_task_is_in_the_table_of_the_task_guide(documented: dict[str, list[str]]) -> None:
    assert tuple(documented) == task_names()


def test_the_table_says_what_the_bundled_model_does(documented: dict[str, list[str]]) -> None:
    from acdc_custom.analyses.behaviour_spread import behaviour_spread
    from acdc_custom.model.open import open_model

    model = open_model(DEFAULT_MODEL)
    for name, (_, demo, _, _) in documented.items():
        if demo == "-":
            with pytest.raises(TaskError):
                behaviour_spread(load_task(name), model, (32,))
            continue
        (row,) = behaviour_spread(load_task(name), model, (32,)).to_rows()
        mean, correct = demo.split(", ")
        assert float(mean) == pytest.approx(row["mean"], abs=0.01), name
        assert correct == f"{row['correct']:.0%}", name


@pytest.mark.slow
@pytest.mark.parametrize("name", task_names())
def test_every_built_in_task_makes_32_prompts_for_smollm2(name: str) -> None:
    from transformers import AutoTokenizer

    model = MODELS["smollm2-135m"]
    if not model.cached:
        pytest.skip("needs: acdc-custom models fetch smollm2-135m")
    tokenizer = AutoTokenizer.from_pretrained(str(model.path.parent), gguf_file=model.path.name)
    task = load_task(name)
    for corruption in task.corruptions:
        assert len(task.batch(tokenizer, n=32, corruption=corruption).prompts) == 32
