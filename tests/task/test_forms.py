# ruff: noqa: E501 - rows are as long as other people wrote them
"""Rows as other projects write them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import Task, load_task
from acdc_custom.task.forms import READERS, RowForm
from acdc_custom.task.rows import read_rows

Write = Callable[..., Path]

HEAD = 'schema = 1\ndescription = "sums"\nrows = "{file}"\n'
CLEAN, CORRUPTED = "Bob gave Alice", "Carol gave Alice"

AUTO_CIRCUIT = {
    "clean": CLEAN,
    "corrupt": CORRUPTED,
    "answers": [" Alice", " Bob"],
    "wrong_answers": [" Carol", " David"],
}
MIB_IOI = {
    "prompt": CLEAN,
    "template": "{B} gave {A}",
    "metadata": {"indirect_object": "Alice", "subject": "Bob", "random_c": "Carol"},
    "abc_counterfactual": {"prompt": "David gave Carol"},
    "s2_io_flip_counterfactual": {"prompt": CORRUPTED},
}
MIB_CHOICES = {
    "prompt": CLEAN,
    "choices": {"label": ["Alice", "Bob"], "text": ["x", "y"]},
    "answerKey": 1,
    "symbol_counterfactual": {"prompt": CORRUPTED, "choices": {"label": ["Carol", "David"]}, "answerKey": 0},
}
MIB_ARITHMETIC = {
    "prompt": CLEAN,
    "operator": "+",
    "label": 5,
    "random_counterfactual": {"prompt": CORRUPTED, "label": "6"},
}


def jsonl(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


def csv_of(*rows: dict[str, Any]) -> str:
    """As pandas writes it: with an index in front."""
    text = io.StringIO()
    csv.writer(text).writerows([["", *rows[0]], *([i, *row.values()] for i, row in enumerate(rows))])
    return text.getvalue()


def load(write: Write, text: str, name: str) -> Task:
    write(text, name)
    return load_task(write(HEAD.format(file=name)))


def eap_ig(answer: str, foil: str, ids: tuple[object, object] = (7, 8)) -> dict[str, Any]:
    return {"clean": CLEAN, "corrupted": CORRUPTED, answer: ids[0], foil: ids[1]}


# Name and text of the file, then its form, answers and foils.
READ: dict[str, tuple[str, str, RowForm, tuple[object, ...], tuple[object, ...]]] = {
    "auto-circuit": ("x.json", json.dumps({"seq_labels": ["a"], "word_idxs": {"a": 1}, "prompts": [AUTO_CIRCUIT]}), RowForm.AUTO_CIRCUIT, (" Alice", " Bob"), (" Carol", " David")),
    "auto-circuit, line by line": ("x.jsonl", jsonl(AUTO_CIRCUIT), RowForm.AUTO_CIRCUIT, (" Alice", " Bob"), (" Carol", " David")),
    "EAP-IG, IOI": ("x.csv", csv_of(eap_ig("correct_idx", "incorrect_idx")), RowForm.EAP_IG, (7,), (8,)),
    "EAP-IG, fact retrieval": ("x.csv", csv_of(eap_ig("country_idx", "corrupted_country_idx")), RowForm.EAP_IG, (7,), (8,)),
    "EAP-IG, gender bias": ("x.csv", csv_of(eap_ig("clean_answer_idx", "corrupted_answer_idx")), RowForm.EAP_IG, (7,), (8,)),
    "EAP-IG, hypernymy": ("x.csv", csv_of(eap_ig("answers_idx", "corrupted_answers_idx", ("[7, 5]", "[8]"))), RowForm.EAP_IG, (7, 5), (8,)),
    "MIB, IOI": ("x.jsonl", jsonl(MIB_IOI), RowForm.MIB, (" Alice",), (" Bob",)),
    "MIB, multiple choice": ("x.jsonl", jsonl(MIB_CHOICES), RowForm.MIB, ("Bob",), ("Carol",)),
    "MIB, arithmetic": ("x.jsonl", jsonl(MIB_ARITHMETIC), RowForm.MIB, ("5",), ("6",)),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_row_of_another_project_says_what_it_says_there(write: Write, name: str) -> None:
    file, text, form, answer, foil = READ[name]
    prompts = load(write, text, file).spec.prompts
    (row,) = prompts.rows
    assert prompts.form is form
    assert (row.clean, row.corrupted, row.answer, row.foil) == (CLEAN, CORRUPTED, answer, foil)


def test_every_reader_is_tested_and_named_in_the_error_about_unknown_keys(write: Write) -> None:
    tested = set()
    for file, text, *_ in READ.values():
        spec = read_rows(write(text, file), "mine.toml")
        tested.add(spec.notes[0].partition("read by ")[2])
    assert tested == {", ".join(reader.keys) + "." for reader in READERS}
    with pytest.raises(TaskError) as error:
        load(write, '{"klean": "a"}', "x.jsonl")
    for reader in READERS:
        assert f"{', '.join(reader.keys)} ({reader.form})" in str(error.value)


def test_what_is_not_read_is_told(write: Write, words: Any) -> None:
    row = {**eap_ig("correct_idx", "incorrect_idx"), "corrupted_hard": "x"}
    notes = load(write, csv_of(row, row), "gpt2.csv").spec.prompts.notes
    assert notes == (
        "gpt2.csv: 1 row in the form of EAP-IG, read by clean, corrupted, correct_idx, incorrect_idx.",
        "Not read from it: corrupted_hard.",
        "Repeated rows, left out: 1.",
    )


def test_rows_of_mib_without_a_counterfactual_are_left_out(write: Write) -> None:
    rows = [{**MIB_ARITHMETIC, "random_counterfactual": none} for none in (None, {"prompt": None, "label": None})]
    prompts = load(write, jsonl(*rows, MIB_ARITHMETIC), "x.jsonl").spec.prompts
    assert [row.place for row in prompts.rows] == ["line 3"]
    assert "Rows without a corrupted prompt, left out: 2." in prompts.notes


def test_token_ids_become_the_tokenizers_words_and_a_note_shows_them(write: Write, words: Any) -> None:
    bob, carol = (words.tokenizer.token_to_id(word) for word in ("Bob", "Carol"))
    batch = load(write, csv_of(eap_ig("correct_idx", "incorrect_idx", (bob, carol))), "x.csv").batch(words)
    (prompt,) = batch.prompts
    assert (prompt.answer, prompt.answer_ids, prompt.foil, prompt.foil_ids) == (("Bob",), (bob,), ("Carol",), (carol,))
    assert any("are 'Bob', not 'Carol'; if these are odd words" in note for note in batch.notes)


@pytest.mark.parametrize("token", [10**5, 2**32, 10**30])
def test_a_token_that_the_tokenizer_does_not_have_is_refused(write: Write, words: Any, token: int) -> None:
    task = load(write, csv_of(eap_ig("correct_idx", "incorrect_idx", (token, 3))), "x.csv")
    with pytest.raises(TaskError, match=f"no row fits this tokenizer; the first: .*has no token {token}"):
        task.batch(words)


def test_rows_of_others_that_do_not_fit_the_tokenizer_are_left_out_and_counted(write: Write, words: Any) -> None:
    misfits = [
        {**AUTO_CIRCUIT, "corrupt": "Carol gave the Alice"},
        {**AUTO_CIRCUIT, "answers": [" Zebulon"]},
        {**AUTO_CIRCUIT, "corrupt": CLEAN},
        {**AUTO_CIRCUIT, "answers": [" Carol"]},
    ]
    fitting = {**AUTO_CIRCUIT, "clean": "Erin gave Alice"}
    batch = load(write, json.dumps({"prompts": [*misfits, AUTO_CIRCUIT, fitting]}), "x.json").batch(words)
    assert [prompt.clean for prompt in batch.prompts] == [CLEAN, "Erin gave Alice"]
    (note,) = [note for note in batch.notes if "do not fit" in note]
    assert note.startswith("4 of 6 rows do not fit this tokenizer and are left out; one: ")
    assert re.search(r"x\.json, prompt [1-4]: ", note)


def test_as_many_rows_are_tried_as_are_needed(write: Write, words: Any) -> None:
    names = ["Alice", "Bob", "Carol", "David", "Erin"]
    common = {**AUTO_CIRCUIT, "corrupt": "Alice likes Bob"}
    rows = [{**common, "clean": f"{a} gave {b}"} for a in names for b in ("Alice", "nobody at all")]
    task = load(write, jsonl(*rows), "x.jsonl")
    for seed in range(5):
        chosen = [p.clean for p in task.batch(words, n=5, seed=seed).prompts]
        assert chosen == [f"{name} gave Alice" for name in names]
    with pytest.raises(TaskError, match=r"6 prompts were asked for, and only 5 can be made.*5 of 10 rows do not fit"):
        task.batch(words, n=6)


def test_our_own_rows_that_do_not_fit_are_an_error(write: Write, words: Any) -> None:
    row = {"clean": CLEAN, "corrupted": "Carol gave the Alice", "answer": " Alice", "foil": " Bob"}
    with pytest.raises(TaskError, match=r"x\.jsonl, line 1: clean and corrupted have to be of equal length"):
        load(write, jsonl(row), "x.jsonl").batch(words)


def test_an_answer_that_is_given_twice_counts_once(write: Write, words: Any) -> None:
    row = {"clean": CLEAN, "corrupted": CORRUPTED, "answer": [" Alice", "  Alice", " Bob"], "foil": " Carol"}
    (prompt,) = load(write, jsonl(row), "x.jsonl").batch(words).prompts
    assert prompt.answer == (" Alice", " Bob") and len(set(prompt.answer_ids)) == 2


MISTAKES = {
    "a typing mistake in our form": ("x.jsonl", jsonl({"clean": "a", "corupted": "b", "answer": "c", "foil": "d"}), 'line 1: unknown key "corupted". Did you mean "corrupted"? Allowed: clean, corrupted, answer, foil; or the keys of another form: '),
    "an answer without a foil": ("x.csv", csv_of({"clean": "a", "corrupted": "b", "correct_idx": 3}), 'line 1: unknown column "correct_idx". '),
    "two forms at once": ("x.csv", csv_of({**eap_ig("correct_idx", "incorrect_idx"), "answers_idx": 1, "corrupted_answers_idx": 2}), "line 1: it can be read in two ways: by clean, corrupted, correct_idx, incorrect_idx, and by clean, corrupted, answers_idx"),
    "forms that take turns": ("x.jsonl", jsonl(AUTO_CIRCUIT, MIB_IOI), "line 2: read by prompt, metadata, s2_io_flip_counterfactual, but the rows before by clean, corrupt"),
    "our form with more": ("x.jsonl", jsonl({"clean": "a", "corrupted": "b", "answer": "c", "foil": "d", "correct_idx": 3}), 'line 1: unknown key "correct_idx". '),
    "auto-circuit with more": ("x.jsonl", jsonl({**AUTO_CIRCUIT, "x": 1}), 'line 1: unknown key "x". Allowed: clean, corrupt, answers, wrong_answers; or'),
    "auto-circuit without answers": ("x.json", json.dumps({"prompts": [{"clean": "I like", "corrupt": "I hate"}]}), 'prompt 1: unknown key "corrupt". Did you mean "corrupted"?'),
    "auto-circuit with vectors for prompts": ("x.json", json.dumps({"prompts": [{**AUTO_CIRCUIT, "clean": [[3.0, 3.0]]}]}), 'prompt 1: "clean" has to be a text'),
    "auto-circuit with no answer": ("x.json", json.dumps({"prompts": [{**AUTO_CIRCUIT, "answers": []}]}), 'prompt 1: "answers" has to be a text or a list of texts'),
    "an unknown key beside the prompts": ("x.json", '{"prompts": [], "labels": 1}', ': unknown key "labels" beside "prompts". Allowed: seq_labels, word_idxs'),
    "a list for a JSON file": ("x.json", "[]", ': expected an object with a list "prompts"'),
    "a prompt that is no object": ("x.json", '{"prompts": [1]}', "prompt 1: 1 is not an object"),
    "no prompts": ("x.json", '{"prompts": []}', ": there are no rows"),
    "broken JSON": ("x.json", '{"prompts": [', ": not JSON: "),
    "a word for an id": ("x.csv", csv_of(eap_ig("correct_idx", "incorrect_idx", (" Bob", 3))), 'line 2: "correct_idx" has to be a token\'s id or a list of them, not \' Bob\''),
    "a negative id": ("x.csv", csv_of(eap_ig("correct_idx", "incorrect_idx", (3, -1))), 'line 2: "incorrect_idx" has to be a token\'s id'),
    "a place beyond the choices": ("x.jsonl", jsonl({**MIB_CHOICES, "answerKey": 2}), 'line 1: "answerKey" has to be the place'),
    "a choice without a letter": ("x.jsonl", jsonl({**MIB_CHOICES, "choices": {"label": ["A", ""]}}), 'line 1: "choices.label" has to be a list of texts'),
    "nested columns in CSV": ("x.csv", csv_of(MIB_IOI), "line 2: \"s2_io_flip_counterfactual\" has to be an object, not "),
    "metadata without the name": ("x.jsonl", jsonl({**MIB_IOI, "metadata": {"subject": "Bob"}}), 'line 1: "indirect_object" has to be a text'),
    "a label that is none": ("x.jsonl", jsonl({**MIB_ARITHMETIC, "label": None}), 'line 1: "label" has to be a number or a text, not None'),
}  # fmt: skip


@pytest.mark.parametrize(("file", "text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_the_place_and_what_is_allowed(write: Write, file: str, text: str, message: str) -> None:
    with pytest.raises(TaskError) as error:
        load(write, text, file)
    said = str(error.value).partition(f"/{file}")[2].removeprefix(", ")
    assert said.startswith(message), said


@pytest.mark.parametrize("column", ["", "index", "level_0", "Unnamed: 0", "Unnamed: 0.1"])
@pytest.mark.parametrize("name", [*READ, "our own"])
def test_a_column_of_row_numbers_is_no_matter_in_any_form(write: Write, name: str, column: str) -> None:
    own = {"clean": CLEAN, "corrupted": CORRUPTED, "answer": " Alice", "foil": " Bob"}
    file, text, *_ = READ.get(name, ("x.jsonl", jsonl(own), None))
    if file.endswith(".csv"):
        head, _, rest = text.partition("\r\n")
        text = f"{column}{head}\r\n{rest}"
    elif file.endswith(".json"):
        text = json.dumps({"prompts": [{column: 0, **AUTO_CIRCUIT}]})
    else:
        text = json.dumps({column: 0, **json.loads(text)})
    prompts = load(write, text, file).spec.prompts
    assert len(prompts.rows) == 1
    assert not any(note.startswith("Not read from it") and "Unnamed" in note for note in prompts.notes)


def test_whole_numbers_are_read_with_and_without_a_decimal_point(write: Write) -> None:
    floats = csv_of(eap_ig("correct_idx", "incorrect_idx", ("7.0", "[8.0]")))
    (row,) = load(write, floats, "ids.csv").spec.prompts.rows
    assert (row.answer, row.foil) == ((7,), (8,))
    (row,) = load(write, jsonl({**MIB_CHOICES, "answerKey": 1.0}), "choices.jsonl").spec.prompts.rows
    assert row.answer == ("Bob",)
    (row,) = load(write, jsonl({**MIB_ARITHMETIC, "label": 5.0}), "sums.jsonl").spec.prompts.rows
    assert row.answer == ("5",)
    with pytest.raises(TaskError, match=r"has to be a token's id or a list of them, not '7\.5'"):
        load(write, csv_of(eap_ig("correct_idx", "incorrect_idx", ("7.5", 8))), "half.csv")


@pytest.mark.parametrize("answer", [5, 5.0])
def test_a_number_in_our_own_form_could_be_a_text_or_a_token_and_is_refused(write: Write, answer: float) -> None:
    row = {"clean": CLEAN, "corrupted": CORRUPTED, "answer": answer, "foil": " Bob"}
    with pytest.raises(TaskError, match='"answer" has to be a text'):
        load(write, jsonl(row), "x.jsonl")
