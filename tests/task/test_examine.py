"""All that is wrong with a task's prompts is found at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.task import load_task, task_names
from acdc_custom.task.examine import Examination, examine
from acdc_custom.task.faults import Flaw

Write = Callable[..., Path]
Make = Callable[..., Any]
ROWS = 'schema = 1\ndescription = "rows"\nrows = "rows.jsonl"\n'


def all_problems(found: Examination) -> list[str]:
    return [problem.what for problem in (*found.problems, *(p for one in found.examined for p in one.problems))]


def fixes(found: Examination) -> list[str]:
    return [problem.fix for problem in (*found.problems, *(p for one in found.examined for p in one.problems))]


@pytest.mark.parametrize("name", task_names())
def test_a_built_in_task_has_no_problems_and_the_prompts_of_its_batches(name: str, words_of: Make) -> None:
    task = load_task(name)
    tokenizer = words_of(task)
    found = examine(task, tokenizer, n=10, seed=3)
    assert all_problems(found) == []
    assert found.examined[0].corruption == task.default_corruption
    assert sorted(one.corruption for one in found.examined) == sorted(task.corruptions)
    for one in found.examined:
        assert one.prompts == task.batch(tokenizer, n=10, seed=3, corruption=one.corruption).prompts


def test_mistakes_of_several_kinds_are_all_told_once(write: Write, task_text: str, words: Any) -> None:
    text = task_text.replace('giver = "{A}"', 'giver = "{A}#3"').replace('dot = ".#2"', 'dot = "!"')
    path = write(text + 'foil = " {B}"\n')
    found = examine(load_task(path), words, n=8)
    assert [what.split(" is not found")[0].split("; ")[0] for what in all_problems(found)[:2]] == [
        f'In all 8 prompts: {path}: positions.giver: "{{A}}#3"',
        f'In all 8 prompts: {path}: positions.dot: "!"',
    ]
    assert all_problems(found)[2].startswith(
        f"In all 8 prompts: {path}, corruption rename: answer and foil are the same token"
    )
    assert len(all_problems(found)) == 3
    assert fixes(found) == [Flaw.POSITION.value, Flaw.POSITION.value, Flaw.SAME_ANSWER.value]
    assert len(found.prompts) == 8 and found.prompts[0].positions == {"END": 15}


def test_split_words_are_told_with_how_they_are_split_and_what_stays(write: Write, task_text: str, bpe: Any) -> None:
    (fit,) = examine(load_task(write(task_text)), bpe).words
    assert [row[0] for row in fit.kept] == ["Alice", "Bob", "Carol"]
    assert [row[0] for row in fit.dropped] == ["David", "Erin"]
    assert all("+" in how and how.replace("+", "") == row[0] for row, how in fit.left_out.items())
    assert fit.only_at_start == (("Erin",),)


def test_a_list_that_runs_short_is_one_problem_and_positions_are_seen_nevertheless(
    write: Write, task_text: str, make_word_level: Make
) -> None:
    path = write(task_text.replace('giver = "{A}"', 'giver = "{A}#3"'))
    found = examine(load_task(path), make_word_level(task_text.replace('"Alice", "Bob", "Carol"', "")))
    whats = all_problems(found)
    assert len(whats) == 2
    assert whats[0].startswith(f"{path}: words.names: a prompt needs 4 of this list, and 2 of 5 are left")
    assert "positions.giver" in whats[1] and "prompts" in whats[1]
    assert found.examined[0].corruption == "switch" and found.prompts  # two names are enough to change places
    assert found.examined[1].prompts == ()


def test_words_that_only_the_start_splits_are_told_to_be_moved(write: Write, task_text: str, bpe: Any) -> None:
    names = '["Alice", "Bob", "Carol", "David", "Erin"]'
    found = examine(load_task(write(task_text.replace(names, '["Erin", "Alice"]'))), bpe)
    assert found.problems[0].what.split("words.names: ")[1].startswith("a prompt needs 4 of this list, and 1 of 2")
    assert found.problems[0].fix.startswith("Begin the template with a word")


def test_an_answer_without_its_space_is_told_with_its_words(write: Write, task_text: str, words: Any) -> None:
    path = write(task_text.replace('answer = " {B}"', 'answer = "{B}"'))
    found = examine(load_task(path), words)
    assert [what.split(" can be used here")[0] for what in all_problems(found)] == [
        f"{path}: answer: no word of the list names"
    ]
    assert fixes(found) == [Flaw.ANSWER.value]


def test_too_many_prompts_are_a_problem_with_the_number_that_there_is(write: Write, task_text: str, words: Any) -> None:
    found = examine(load_task(write(task_text)), words, n=100)
    assert "100 prompts were asked for, and only 20 can be made" in all_problems(found)[0]
    assert fixes(found)[0].startswith("Ask for --n 20")
    with pytest.raises(UsageError):
        examine(load_task(write(task_text)), words, n=0)


def test_bos_that_is_not_there_is_a_problem_among_others(write: Write, task_text: str, bpe: Any) -> None:
    text = "prepend_bos = true\n" + task_text.replace('dot = ".#2"', 'dot = "!"')
    found = examine(load_task(write(text)), bpe)
    assert "prepend_bos: this tokenizer has no beginning-of-text token" in all_problems(found)[0]
    assert any("positions.dot" in what for what in all_problems(found)[1:])


def test_the_words_that_a_corruption_replaces_are_named_as_positions_name_them(
    write: Write, task_text: str, words: Any
) -> None:
    switch, rename = examine(load_task(write(task_text)), words, n=5).examined
    assert switch.replaced == ("{A}", "{B}", "{B}#2", "{A}#2")
    assert rename.replaced == ("{A}", "{B}#2", "{A}#2")


def test_a_token_that_changes_beside_the_replaced_words_is_told(write: Write) -> None:
    class Agreeing:
        """A tokenizer to which the last word has another token after Bob."""

        bos_token_id = None

        def __call__(self, text: str, **options: bool) -> dict[str, list[Any]]:
            starts = [0, *(i + 1 for i, sign in enumerate(text) if sign == " ")]
            spans = [(a, b - 1) for a, b in zip(starts, [*starts[1:], len(text) + 1], strict=True)]
            ids = [sum(map(ord, text[a:b])) + (text.startswith("Bob") and text[a:b] == "has") for a, b in spans]
            return {"input_ids": ids, "offset_mapping": spans}

    path = write(
        'schema = 1\ndescription = "d"\ntemplates = ["{A} has"]\nanswer = " {A}"\nfoil = " {B}"\n'
        '[slots]\nA = "names"\nB = "names"\n[words]\nnames = ["Alice", "Bob"]\n'
        '[corruptions.other]\nreplace = { A = "{B}" }\n'
    )
    (what,) = all_problems(examine(load_task(path), Agreeing()))
    assert "the corruption changes a token beside its words" in what and what.endswith('"Bob has" against "Alice has"')


def row(**values: object) -> str:
    content = {"clean": "one and two", "corrupted": "one and six", "answer": " a", "foil": " b", **values}
    return json.dumps(content) + "\n"


def test_every_row_is_looked_at_and_the_good_ones_are_used(write: Write, make_word_level: Make) -> None:
    bad = [
        row(clean="one or two", corrupted="one or six six"),
        row(clean="six and two", corrupted="six and two", answer=" z z", foil=" z"),
        row(foil=" z z"),
        row(clean="two or six", corrupted="six or two", answer=[" a", " a"]),
    ]
    write(row() + "".join(bad), "rows.jsonl")
    found = examine(load_task(write(ROWS)), make_word_level("one and or two six a b"))
    whats = "\n".join(all_problems(found))
    for part in (
        "line 4: the same clean prompt as in",
        "line 5: answer: a word is there twice",
        "In 1 of 5 prompts: ",
        'line 2: clean and corrupted have to be of equal length: "one or two" has 3 tokens',
        "line 3: clean and corrupted are the same prompt",
        'line 3: answer: " z z" is not one token',
        'foil: " z" is a word that the tokenizer does not know',
    ):
        assert part in whats
    assert "In 2 of 5 prompts: " in whats  # the foils
    assert [prompt.clean for prompt in found.prompts] == ["one and two", "two or six"]


def of_auto_circuit(clean: str, corrupted: str, answer: str, foil: str) -> str:
    content = {"clean": clean, "corrupt": corrupted, "answers": [answer, answer], "wrong_answers": [foil]}
    return json.dumps(content) + "\n"


FOREIGN = (
    of_auto_circuit("one and two", "one and six", " a", " b")
    + of_auto_circuit("one and two", "one and six six", " a", " b")
    + of_auto_circuit("one and two", "one or two", " a", " b")
    + of_auto_circuit("two and two", "six and two", " z", " b")
)


def test_rows_of_others_that_do_not_fit_are_a_note_and_those_of_a_batch_are_used(
    write: Write, make_word_level: Make
) -> None:
    write(FOREIGN, "rows.jsonl")
    task, tokenizer = load_task(write(ROWS)), make_word_level("one and or two six a b")
    found, batch = examine(task, tokenizer), task.batch(tokenizer)
    assert all_problems(found) == []
    assert found.prompts == batch.prompts
    assert [prompt.answer for prompt in found.prompts] == [(" a",), (" a",)]
    (left_out,) = (note for note in found.notes if "left out" in note)
    assert left_out.startswith("2 of 4 rows do not fit") and left_out in batch.notes
    assert "Rows with the clean prompt of an earlier one, which are used as well: 1 of 2." in found.notes


def test_too_few_rows_of_others_are_a_problem(write: Write, make_word_level: Make) -> None:
    write(FOREIGN, "rows.jsonl")
    task, tokenizer = load_task(write(ROWS)), make_word_level("one and or two six a b")
    (what,) = all_problems(examine(task, tokenizer, n=3))
    assert what.endswith("3 prompts were asked for, and only 2 can be made.")


def test_rows_of_others_none_of_which_fits_are_a_problem(write: Write, make_word_level: Make) -> None:
    write(FOREIGN, "rows.jsonl")
    task, tokenizer = load_task(write(ROWS)), make_word_level("one and or two six")
    with pytest.raises(TaskError, match="no row fits this tokenizer") as error:
        task.batch(tokenizer)
    found = examine(task, tokenizer)
    assert (all_problems(found), fixes(found), found.prompts) == ([str(error.value)], [Flaw.ANSWER.value], ())


def test_positions_are_looked_for_in_rows_of_others(write: Write, make_word_level: Make) -> None:
    write(FOREIGN, "rows.jsonl")
    task = load_task(write(ROWS + '[positions]\nsix = "six"\n'))
    found = examine(task, make_word_level("one and or two six a b"))
    assert fixes(found) == [Flaw.POSITION.value]


def test_what_a_batch_would_raise_is_among_the_problems(write: Write, task_text: str, words: Any) -> None:
    for old, new in (
        ('dot = ".#2"', 'dot = "!"'),
        ('answer = " {B}"', 'answer = "{B}"'),
        ('answer = " {B}"', 'answer = " the ball"'),
        ('foil = " {A}"', 'foil = " {B}"'),
    ):
        task = load_task(write(task_text.replace(old, new)))
        with pytest.raises(TaskError) as error:
            task.batch(words)
        assert any(str(error.value) in what for what in all_problems(examine(task, words)))


def test_a_task_that_turns_the_tokenizers_beginning_of_text_off_is_warned(
    write: Write, task_text: str, begins_by_itself: Make
) -> None:
    tokenizer = begins_by_itself(task_text)
    warned = [
        any(
            "puts <bos> before every text" in note
            for note in examine(load_task(write(line + task_text)), tokenizer).notes
        )
        for line in ("prepend_bos = false\n", "prepend_bos = true\n", "")
    ]
    assert warned == [True, False, False]
