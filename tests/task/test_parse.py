# ruff: noqa: E501 - in the tables, one mistake is one line
"""Every mistake in a task file is one error that names the file, the key and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task
from acdc_custom.task.spec import FromList, FromSlot, TemplateSpec

Write = Callable[..., Path]


def test_a_right_file_is_read(write: Write, task_text: str) -> None:
    task = load_task(write(task_text))
    assert task.name == "mine"
    assert task.description == "Who has the ball?"
    assert (task.source, task.prepend_bos, task.metric) == ("", None, "kl")
    assert task.corruptions == ("switch", "rename")
    assert task.default_corruption == "switch"
    assert task.text == task_text


def test_corruptions_take_words_from_slots_or_lists(write: Write, task_text: str) -> None:
    prompts = load_task(write(task_text)).spec.prompts
    assert isinstance(prompts, TemplateSpec)
    assert [r.source for r in prompts.corruptions["switch"].replace] == [FromSlot("B"), FromSlot("A")]
    assert [(r.slot, r.nth, r.source) for r in prompts.corruptions["rename"].replace] == [
        ("A", None, FromList("names")),
        ("B", 2, FromList("names")),
    ]


def test_the_only_corruption_is_the_default(write: Write, table_text: str) -> None:
    assert load_task(write(table_text)).default_corruption == "swap"


def test_metric_and_bos_are_kept_as_given(write: Write, task_text: str) -> None:
    task = load_task(write('metric = "logit-diff"\nprepend_bos = true\nsource = "a paper"\n' + task_text))
    assert (task.metric, task.prepend_bos, task.source) == ("logit-diff", True, "a paper")


MISTAKES = {
    "an unknown key": ("foil =", "fiol =", 'fiol: unknown key. Did you mean "foil"?'),
    "an unknown key of a corruption": (
        "[corruptions.rename]\n",
        '[corruptions.rename]\nfiol = " x"\n',
        'corruptions.rename.fiol: unknown key. Did you mean "foil"?',
    ),
    "a wrong type": ('description = "Who has the ball?"', "description = 3", 'description: has to be a text in quotes, not 3 (example: description = "one line for people")'),
    "a number for a truth value": ("schema = 1", "schema = 1\nprepend_bos = 1", "prepend_bos: has to be true or false, not 1 (example: prepend_bos = true)"),
    "a truth value for a number": ("schema = 1", "schema = true", "schema: has to be a whole number, not true"),
    "a list of numbers": ('["Alice", "Bob"', '["Alice", 7', "words.names: has to be a list of texts in quotes; 7 is none"),
    "a slot that is no text": ('A = "names"', "A = 1", 'slots.A: has to be a text in quotes, not 1 (example: A = "names")'),
    "a position that is no text": ('giver = "{A}"', "giver = 1", 'positions.giver: has to be a text in quotes, not 1 (example: S1 = "{A}")'),
    "a missing key": ('answer = " {B}"\n', "", 'answer: this key is missing (example: answer = " {B}")'),
    "a missing description": ('description = "Who has the ball?"\n', "", "description: this key is missing"),
    "a missing default corruption": ('corruption = "switch"\n', "", "corruption: this key is missing"),
    "a newer schema": ("schema = 1", "schema = 2", "schema: 2 is newer; this version of acdc-custom reads schema 1"),
    "a schema below 1": ("schema = 1", "schema = 0", "schema: 0 is none; this version of acdc-custom reads schema 1"),
    "a TOML mistake": ('description = "Who has the ball?"', "description = Who", "not a TOML file: Invalid value (at line 2"),
    "an unknown slot in a template": ("{B} likes", "{C} likes", "templates: {C}: there is no slot C in [slots], only A, B."),
    "an unknown slot in the answer": ('answer = " {B}"', 'answer = " {b}"', "answer: {b}: there is no slot b"),
    "an unknown slot in the foil": ('foil = " {A}"', 'foil = " {X}"', "foil: {X}: there is no slot X"),
    "an unknown slot in a position": ('giver = "{A}"', 'giver = "{X}"', "positions.giver: {X}: there is no slot X"),
    "an unknown slot that is replaced": ('{ A = "names"', '{ X = "names"', "corruptions.rename.replace.X: there is no slot X"),
    "an unknown slot that replaces": ('A = "{B}", B', 'A = "{X}", B', 'corruptions.switch.replace.A: there is no slot for "{X}"; slots are A, B.'),
    "an unknown list that replaces": ('{ A = "names"', '{ A = "nmes"', 'corruptions.rename.replace.A: "nmes" is neither a list in [words] (names) nor a slot such as "{A}". Did you mean "names"?'),
    "a slot without a list": ('A = "names"\nB', 'A = "name"\nB', 'slots.A: there is no list "name" in [words]. Did you mean "names"?'),
    "a slot's name with a space": ('A = "names"\nB', '"A a" = "names"\nB', 'slots."A a": a slot\'s name is made of'),
    "an unknown metric": ("schema = 1", 'schema = 1\nmetric = "kll"', 'metric: no metric is called "kll". Did you mean "kl"?'),
    "an empty list": ('names = ["Alice", "Bob", "Carol", "David", "Erin"]', "names = []", 'words.names: the list is empty (example: names = ["Alice", "Bob"])'),
    "no templates": ('templates = ["{A} gave the ball to {B}. {B} likes {A}. The ball is now with"]', "templates = []", "templates: the list is empty"),
    "an empty prompt": ('["{A} gave the ball to {B}. {B} likes {A}. The ball is now with"]', '[" "]', "templates: template 1 is an empty prompt"),
    "a lone brace": ("now with", "now} with", "templates: the brace } has no partner"),
    "an empty answer": ('answer = " {B}"', 'answer = ""', "answer: the text is empty"),
    "a duplicate word": ('"Carol"', '"Bob"', 'words.names: "Bob" is in the list twice'),
    "a word with a space": ('"Carol"', '" Carol"', 'words.names: " Carol" is not a word'),
    "an unused slot": ('B = "names"\n[words]', 'B = "names"\nC = "names"\n[words]', "slots.C: this slot is used nowhere"),
    "an unused list": ("[words]\n", '[words]\nplaces = ["park"]\n', "words.places: no slot uses this list"),
    "an unknown default corruption": ('corruption = "switch"', 'corruption = "swich"', 'corruption: there is no [corruptions.swich], only switch, rename. Did you mean "switch"?'),
    "a corruption that is no table": ('[corruptions.rename]\nreplace = { A = "names", "B#2" = "names" }', '[corruptions]\nrename = "x"', 'corruptions.rename: has to be a table, not "x"'),
    "a corruption without replace": ('replace = { A = "names", "B#2" = "names" }', "", "corruptions.rename.replace: this key is missing"),
    "a corruption that replaces nothing": ('{ A = "names", "B#2" = "names" }', "{}", "corruptions.rename.replace: replaces nothing"),
    "a slot that takes its own word": ('A = "{B}", B', 'A = "{A}", B', "corruptions.switch.replace.A: a slot that takes its own word does not change"),
    "an occurrence that is not there": ('"B#2"', '"B#3"', 'corruptions.rename.replace."B#3": no template has this slot, or not so many times'),
    "an occurrence that is none": ('"B#2"', '"B#x"', 'corruptions.rename.replace."B#x": "B#x" is not a slot or an occurrence'),
    "a position END": ("giver =", "END =", "positions.END: END is always the last token"),
    "a position without a name": ("giver =", '"" =', "positions.: a position needs a name"),
    "a position that is none": ('".#2"', '"{A}{B}"', 'positions.dot: "{A}{B}" has to be one slot or one literal text'),
    "rows beside templates": ("schema = 1", 'schema = 1\nrows = "x.jsonl"', "corruption: not allowed beside rows"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_clear_error(write: Write, task_text: str, old: str, new: str, message: str) -> None:
    assert task_text.count(old) >= 1
    path = write(task_text.replace(old, new, 1))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


TABLE_MISTAKES = {
    "a short row": ('["wet", "dry"]', '["wet"]', 'words.pairs.rows: row 5 is ["wet"]; every row has to be 2 texts, for word, opposite'),
    "a row that is no list": ('["wet", "dry"]', '"wet"', 'words.pairs.rows: row 5 is "wet"; every row has to be'),
    "a duplicate row": ('["wet", "dry"]', '["hot", "cold"]', 'words.pairs: "hot / cold" is in the list twice'),
    "a deep row": ('["wet", "dry"]', "[{ a" + ".a" * 3000 + " = 1 }]", "words.pairs.rows: row 5 is [a table]; every row has to be"),
    "no rows": ('rows = [["hot", "cold"], ["cold", "hot"], ["big", "small"], ["small", "big"], ["wet", "dry"]]', "rows = []", "words.pairs.rows: the list is empty"),
    "two columns of one name": ('["word", "opposite"]', '["word", "word"]', "words.pairs.columns: two columns have the same name"),
    "an unknown key of a table": ("columns =", "colums =", 'words.pairs.colums: unknown key. Did you mean "columns"?'),
    "a slot without its column": ('answer = " {q.opposite}"', 'answer = " {q}"', 'answer: {q}: the list "pairs" has columns; write {q.word} or {q.opposite}'),
    "an unknown column": ('cue = "{q.word}"', 'cue = "{q.wrd}"', 'positions.cue: {q.wrd}: the list "pairs" has columns; write {q.word}'),
    "a column of a plain list": ("{A} says", "{A.word} says", 'templates: {A.word}: the list "names" has no columns; write {A}'),
    "a replacement with other columns": ('q = "{r}"', 'q = "names"', 'corruptions.swap.replace.q: "names" has other columns than the list "pairs" of slot q'),
    "a template that a corruption leaves alone": ('{ q = "{r}" }', '{ d = "{r}" }', "corruptions.swap.replace: changes nothing in template 2: clean and corrupted would be equal"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), TABLE_MISTAKES.values(), ids=TABLE_MISTAKES.keys())
def test_a_mistake_with_a_table_of_words_is_one_clear_error(
    write: Write, table_text: str, old: str, new: str, message: str
) -> None:
    assert table_text.count(old) >= 1
    path = write(table_text.replace(old, new, 1))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = " + "[" * 3000, "not a TOML file: lists and tables are nested too deeply"),
        ("schema = " + "9" * 5000, "not a TOML file: Exceeds the limit"),
        ("schema = 1\ndescription" + ".a" * 3000 + " = 1", "templates: this key is missing"),
        ('schema = 1\nrows = "x.csv"\ndescription' + ".a" * 3000 + " = 1", "description: has to be a text in quotes, not a table"),
    ],
    ids=["lists", "digits", "dots", "dots in a text"],
)  # fmt: skip
def test_a_file_that_goes_too_deep_or_too_far_is_one_clear_error(write: Write, text: str, message: str) -> None:
    write("clean,corrupted,answer,foil\na,b,c,d\n", "x.csv")
    path = write(text)
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_all_mistakes_that_do_not_depend_on_each_other_are_gathered(write: Write, task_text: str) -> None:
    path = write(
        task_text.replace('"Who has the ball?"', "3")
        .replace('answer = " {B}"', 'answer = " {X}"')
        .replace('giver = "{A}"', 'giver = "{Y}"')
        .replace('{ A = "names"', '{ X = "names"')
        .replace("schema = 1", 'schema = 1\ncolour = "red"\nmetric = "kll"')
    )
    with pytest.raises(TaskError) as error:
        load_task(path)
    found = (error.value, *error.value.more)
    assert [one.what.removeprefix(f"{path}: ").split(":")[0] for one in found] == [
        "colour", "answer", "corruptions.rename.replace.X", "description", "metric", "positions.giver",
    ]  # fmt: skip
    assert str(error.value).endswith("words. In this file: 5 more problems.")


def test_a_file_without_a_schema_is_of_this_one(write: Write, task_text: str) -> None:
    assert load_task(write(task_text.replace("schema = 1\n", ""))).spec == load_task(write(task_text)).spec


def test_a_broken_word_list_is_told_without_what_follows_from_it(write: Write, task_text: str) -> None:
    path = write(task_text.replace('"Carol"', '"Bob"').replace('A = "names"\nB', 'A = "nmes"\nB'))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert [one.what.removeprefix(f"{path}: ").split(":")[0] for one in (error.value, *error.value.more)] == [
        "words.names", "slots.A",
    ]  # fmt: skip


def test_a_broken_template_is_told_without_what_follows_from_it(write: Write, table_text: str) -> None:
    path = write(table_text.replace("{A} says", "{A says"))
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert error.value.more == () and "templates: the brace {" in str(error.value)
