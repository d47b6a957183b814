# ruff: noqa: E501 - in the tables, one mistake is one line
"""Prompts as tokens, and what has to hold of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.task import Task, load_task, task_names
from acdc_custom.task.answers import Forced
from acdc_custom.task.batch import END, Prompt
from acdc_custom.task.selection import Draw, PromptSelection
from acdc_custom.task.tokens import Encoder

Write = Callable[..., Path]
Make = Callable[..., Any]

ROWS = 'schema = 1\ndescription = "rows"\nrows = "rows.jsonl"\n'


def row(**values: object) -> str:
    return (
        json.dumps({"clean": "one and two", "corrupted": "one and six", "answer": " a", "foil": " b", **values}) + "\n"
    )


def in_words(prompt: Prompt, at: int) -> str:
    return prompt.clean.replace(".", " .").split()[at]


def test_ids_positions_and_answers_fit_the_text(write: Write, task_text: str, words: Any) -> None:
    batch = load_task(write(task_text)).batch(words, n=10)
    assert (len(batch.prompts), batch.task, batch.corruption, batch.seed) == (10, "mine", "switch", 0)
    for prompt in batch.prompts:
        assert len(prompt.clean_ids) == len(prompt.corrupted_ids) == 16
        assert prompt.positions == {"giver": 0, "dot": 10, "END": 15}
        assert in_words(prompt, 10) == "."
        assert prompt.answer_ids == (prompt.clean_ids[5],)
        assert prompt.foil_ids == (prompt.clean_ids[0],)
        assert prompt.corrupted_ids[0] == prompt.answer_ids[0]


@pytest.mark.parametrize(
    ("where", "token"),
    [
        ("{A}", 0), ("{A}#1", 0), ("{A}#2", 9), ("{A}#-1", 9), ("{A}#-2", 0), ("{A}#1+1", 1), ("{B}#2-1", 6),
        (".", 6), (".#-1", 10), ("the ball", 2), (" ball", 3), ("with", 15),
    ],
)  # fmt: skip
def test_positions_are_found(write: Write, task_text: str, words: Any, bpe: Any, where: str, token: int) -> None:
    path = write(task_text.replace('dot = ".#2"', f'dot = "{where}"'))
    for tokenizer in (words, bpe):
        assert {p.positions["dot"] for p in load_task(path).batch(tokenizer, n=5).prompts} == {token}


def test_bos_comes_first_and_moves_the_positions(write: Write, task_text: str, make_word_level: Make) -> None:
    tokenizer = make_word_level(task_text, bos_token_id=0)
    plain = load_task(write(task_text)).batch(tokenizer, n=3).prompts[0]
    bos = load_task(write("prepend_bos = true\n" + task_text)).batch(tokenizer, n=3).prompts[0]
    assert bos.clean_ids == (0, *plain.clean_ids)
    assert bos.corrupted_ids == (0, *plain.corrupted_ids)
    assert bos.positions == {name: at + 1 for name, at in plain.positions.items()}


def test_bos_needs_a_tokenizer_that_has_one(write: Write, task_text: str, bpe: Any) -> None:
    path = write("prepend_bos = true\n" + task_text)
    with pytest.raises(TaskError, match=r"mine\.toml: prepend_bos: this tokenizer has no beginning-of-text token"):
        load_task(path).batch(bpe)


def test_dropped_words_are_in_the_notes_and_in_no_prompt(write: Write, task_text: str, bpe: Any) -> None:
    batch = load_task(write(task_text)).batch(bpe)
    assert "left out: David, Erin." in batch.notes[0]
    assert len(batch.prompts) == 6
    assert batch.notes[1] == "All the prompts that the task can make are used: 6."
    assert not any("David" in p.clean + p.corrupted for p in batch.prompts)


def test_the_same_seed_gives_the_same_hash(write: Write, task_text: str, words: Any) -> None:
    task = load_task(write(task_text))
    first = task.batch(words, n=8, seed=1)
    assert first == task.batch(words, n=8, seed=1)
    assert first.sha256 == task.batch(words, n=8, seed=1).sha256
    hashes = {
        task.batch(words, n=8, seed=2).sha256,
        task.batch(words, n=8, seed=1, corruption="rename").sha256,
    }
    assert first.sha256 not in hashes and len(hashes) == 2


def test_the_hash_does_not_change_between_versions(write: Write, task_text: str, words: Any) -> None:
    batch = load_task(write(task_text)).batch(words, n=2, seed=0)
    assert batch.sha256 == "fea33701a1e5c3883f89fb1750bcde0ea47280a6a9cda3555bd1d847c3b96d9d"


@pytest.mark.parametrize("n", [0, -3])
def test_n_has_to_be_positive(write: Write, task_text: str, words: Any, n: int) -> None:
    with pytest.raises(UsageError, match=f"has to be 1 or more, not {n}"):
        load_task(write(task_text)).batch(words, n=n)


def test_too_many_prompts_are_an_error_that_says_how_many_there_are(write: Write, task_text: str, words: Any) -> None:
    with pytest.raises(TaskError, match="100 prompts were asked for, and only 20 can be made"):
        load_task(write(task_text)).batch(words, n=100)
    assert len(load_task(write(task_text)).batch(words).prompts) == 20


def test_words_that_exclude_each_other_are_an_error(write: Write, table_text: str, words: Any) -> None:
    path = write(table_text.replace('["big", "small"], ["small", "big"], ["wet", "dry"]', '["hot", "big"]'))
    with pytest.raises(TaskError, match=r"mine\.toml: no prompt can be made: the words of its slots exclude"):
        load_task(path).batch(words)


def test_an_unknown_corruption_gets_a_suggestion(write: Write, task_text: str, words: Any) -> None:
    with pytest.raises(TaskError, match=r'"renam"\. Did you mean "rename"\? This task has: switch, rename'):
        load_task(write(task_text)).batch(words, corruption="renam")


def test_templates_of_different_lengths_share_a_batch(write: Write, table_text: str, words: Any) -> None:
    prompts = load_task(write(table_text)).batch(words, n=6).prompts
    assert [p.template for p in prompts] == [0, 1, 0, 1, 0, 1]
    assert [len(p.clean_ids) for p in prompts[:2]] == [8, 6]
    assert [p.positions for p in prompts[:2]] == [{"cue": 6, "END": 7}, {"cue": 4, "END": 5}]


def test_a_position_that_is_not_there_is_an_error_with_the_prompt(write: Write, task_text: str, words: Any) -> None:
    for where, problem in (
        ("{A}#3", "it occurs 2 times in "),
        ("{A}#1-1", "it is outside the prompt in "),
        ("!", "it occurs 0 times in "),
    ):
        path = write(task_text.replace('dot = ".#2"', f'dot = "{where}"'))
        with pytest.raises(TaskError) as error:
            load_task(path).batch(words)
        assert str(error.value).startswith(f'{path}: positions.dot: "{where}" is not found; {problem}"')


def test_a_literal_answer_is_as_long_as_its_foil(write: Write, task_text: str, words: Any) -> None:
    text = task_text.replace('answer = " {B}"', 'answer = " the ball"')
    with pytest.raises(TaskError) as error:
        load_task(write(text)).batch(words)
    assert (
        'corruption switch: foil: of another length than the answer: " Carol" is 1 token (" Carol"), " the ball" '
        in (str(error.value))
    )
    (prompt,) = load_task(write(text.replace('foil = " {A}"', 'foil = " the {A}"'))).batch(words, n=1).prompts
    assert prompt.forced is not None and prompt.forced.texts == (" the", " ball")


def test_the_answer_must_not_be_the_foil(write: Write, task_text: str, words: Any) -> None:
    with pytest.raises(TaskError, match="answer and foil are the same token"):
        load_task(write(task_text.replace('foil = " {A}"', 'foil = " {B}"'))).batch(words)


def test_an_answer_that_grows_together_with_the_prompt_is_noted(write: Write, task_text: str, bpe: Any) -> None:
    batch = load_task(write(task_text.replace('" {B}"', '"{B}"'))).batch(bpe, n=1)
    (name,) = batch.prompts[0].answer
    assert batch.notes[-1] == f'"{name}" continues the prompt as "with{name}"; is its leading space missing?'


def test_unknown_text_is_noted(write: Write, task_text: str, make_word_level: Make) -> None:
    batch = load_task(write(task_text)).batch(make_word_level(task_text.replace("likes", "")), n=2)
    assert batch.notes == ("The tokenizer does not know these words, the model reads them all alike: likes.",)


class Slow:
    """A tokenizer that cannot say where its tokens lie: it has letters, or forgets their case."""

    bos_token_id = None

    def __init__(self, forgets: bool = False) -> None:
        self.forgets = forgets

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool) -> Any:
        if return_offsets_mapping:
            raise NotImplementedError
        return {"input_ids": [ord(letter) for letter in (text.lower() if self.forgets else text)]}

    def decode(self, token_ids: list[int]) -> str:
        return "".join(map(chr, token_ids))


def test_a_slow_tokenizer_says_where_its_tokens_lie_by_decoding(write: Write, task_text: str) -> None:
    encoding = Encoder(Slow()).encode("ab c")
    assert encoding.spans == ((0, 1), (1, 2), (2, 3), (3, 4))
    names = task_text.replace('"Alice", "Bob", "Carol", "David", "Erin"', '"A", "B", "C", "D", "E"')
    names = names.replace("{A} gave", "{A}gave").replace(
        'answer = " {B}"\nfoil = " {A}"', 'answer = "{B}"\nfoil = "{A}"'
    )
    batch = load_task(write(names)).batch(Slow(), n=3)
    assert all(len(p.clean_ids) == len(p.clean) and len(p.answer_ids) == 1 for p in batch.prompts)


def test_a_slow_tokenizer_whose_text_does_not_come_back_is_refused_in_words(write: Write, task_text: str) -> None:
    with pytest.raises(TaskError, match=r"Slow cannot say where its tokens lie.*use a fast one"):
        load_task(write(task_text)).batch(Slow(forgets=True))


@pytest.mark.parametrize(
    ("line", "of_plain", "of_own"),
    [("", "", "<bos>"), ("prepend_bos = false\n", "", ""), ("prepend_bos = true\n", "<bos>", "<bos>")],
)
def test_the_beginning_of_text_is_as_the_tokenizer_has_it_unless_the_task_says_otherwise(
    line: str,
    of_plain: str,
    of_own: str,
    write: Write,
    task_text: str,
    make_word_level: Make,
    begins_by_itself: Make,
) -> None:
    task = load_task(write(line + task_text))
    for tokenizer, expected in ((make_word_level(task_text), of_plain), (begins_by_itself(task_text), of_own)):
        batch = task.batch(tokenizer, n=3)
        assert batch.beginning == expected
        assert {prompt.clean_ids[0] == 0 for prompt in batch.prompts} == {bool(expected)}
        assert all(prompt.clean_ids.count(0) == bool(expected) for prompt in batch.prompts)
        assert all(prompt.positions[END] == len(prompt.clean_ids) - 1 for prompt in batch.prompts)


@pytest.mark.parametrize("line", ["", "prepend_bos = true\n", "prepend_bos = false\n"])
def test_a_prompt_that_begins_with_the_beginning_of_text_gets_no_second_one(
    line: str, write: Write, task_text: str, begins_by_itself: Make
) -> None:
    text = line + task_text.replace('["{A} gave', '["<bos>{A} gave')
    batch = load_task(write(text)).batch(begins_by_itself(task_text), n=3)
    assert all(prompt.clean_ids[0] == 0 and prompt.clean_ids.count(0) == 1 for prompt in batch.prompts)
    assert all(prompt.corrupted_ids.count(0) == 1 and prompt.positions["giver"] == 1 for prompt in batch.prompts)
    assert batch.beginning == "<bos>"


def test_rows_become_prompts(write: Write, make_word_level: Make) -> None:
    write(row(answer=[" a", " c"]) + row(clean="one or two"), "rows.jsonl")
    path = write(ROWS + '[positions]\ntwo = "two"\n')
    batch = load_task(path).batch(make_word_level("one and two six a b c or"))
    assert batch.corruption == "rows"
    assert batch.notes == ("All the prompts that the task can make are used: 2.",)
    first, second = batch.prompts
    assert first.answer == (" a", " c") and len(first.answer_ids) == 2
    assert second.clean == "one or two"
    assert first.positions == {"two": 2, "END": 2}


def test_a_seed_chooses_among_rows_and_keeps_their_order(write: Write, make_word_level: Make) -> None:
    numbers = [f"n{i}" for i in range(60)]
    write("".join(row(clean=f"one and {n}") for n in numbers), "rows.jsonl")
    task = load_task(write(ROWS))
    tokenizer = make_word_level("one and two six a b " + " ".join(numbers))
    chosen = [int(p.clean.split()[-1][1:]) for p in task.batch(tokenizer, n=10, seed=5).prompts]
    assert chosen == sorted(chosen) and len(set(chosen)) == 10
    assert chosen != [int(p.clean.split()[-1][1:]) for p in task.batch(tokenizer, n=10, seed=6).prompts]
    assert len(task.batch(tokenizer).prompts) == 60
    with pytest.raises(TaskError, match="61 prompts were asked for, and only 60 can be made"):
        task.batch(tokenizer, n=61)


ROW_MISTAKES = {
    "unequal lengths": (row(corrupted="one and six six"), 'clean and corrupted have to be of equal length: "one and two" has 3 tokens, "one and six six" has 4'),
    "equal prompts": (row(corrupted="one and two"), 'clean and corrupted are the same prompt: "one and two"'),
    "a foil of another length": (row(answer=" a b"), 'foil: of another length than the answer: " b" is 1 token (" b"), " a b" is 2 tokens (" a" " b") (prompt: "one and two")'),
    "a foil longer than its answer": (row(foil=" b a"), 'foil: of another length than the answer: " b a" is 2 tokens (" b" " a"), " a" is 1 token (" a") (prompt: "one and two")'),
    "several answers, one of several tokens": (row(answer=[" a", " a b"]), 'answer: " a b" is 2 tokens (" a" " b"): of several answers, each has to be one token (prompt: "one and two")'),
    "foils that differ elsewhere": (row(answer=" a b", foil=[" a a", " b b"]), 'foil: foils have to differ from the answer from the same token on, and " a a" does from token 2 on, " b b" from token 1 (prompt: "one and two")'),
    "tokens that are all alike": (row(answer=" a b", foil=" a  b"), 'answer and foil are the same tokens (prompt: "one and two")'),
    "an unknown answer": (row(answer=" z"), 'answer: " z" is a word that the tokenizer does not know (prompt: "one and two")'),
    "a foil without its space": (row(foil="b"), 'foil: "b" is a word that the tokenizer does not know; with a leading space it is one: " b" (prompt: "one and two")'),
    "answer and foil alike": (row(answer=[" b", " a"]), 'answer and foil are the same token (prompt: "one and two")'),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), ROW_MISTAKES.values(), ids=ROW_MISTAKES.keys())
def test_a_row_that_does_not_fit_the_tokenizer_is_named(
    write: Write, make_word_level: Make, text: str, message: str
) -> None:
    rows = write(row(clean="one or two") + text, "rows.jsonl")
    with pytest.raises(TaskError) as error:
        load_task(write(ROWS)).batch(make_word_level("one and or two six a b"))
    assert str(error.value) == f"{rows}, line 2: {message}"


def test_an_answer_of_several_tokens_follows_the_prompt_on_both_sides(write: Write, make_word_level: Make) -> None:
    rows = row(answer=" a b", foil=" a six") + row(clean="one or two", answer=" six", foil=" a")
    write(rows, "rows.jsonl")
    batch = load_task(write(ROWS + '[positions]\ntwo = "two"\n')).batch(make_word_level("one and two six a b or"))
    several, one = batch.prompts
    ids = dict(zip(("one", "and", "two", "six", "a", "b"), range(2, 8), strict=True))
    assert several.clean_ids == (ids["one"], ids["and"], ids["two"], ids["a"])
    assert several.corrupted_ids == (ids["one"], ids["and"], ids["six"], ids["a"])
    assert several.answer == (" a b",) and several.foil == (" a six",)
    assert several.forced == Forced((ids["a"], ids["b"]), (" a", " b"), contrast=1)
    assert (several.answer_ids, several.foil_ids) == ((ids["b"],), (ids["six"],))  # the first that differ
    assert several.positions["END"] == 2 and several.spans[2:] == ("END", "END")
    assert one.forced is None and one.spans[2:] == ("END",)


def test_what_is_about_one_token_is_asked_where_answer_and_foil_differ(write: Write, make_word_level: Make) -> None:
    write(row(answer=" a b", foil=" a six") + row(clean="one or two", answer=" six a", foil=" a six"), "rows.jsonl")
    batch = load_task(write(ROWS)).batch(make_word_level("one and two six a b or"))
    second, first = batch.at_contrast.prompts
    assert second.clean_ids == batch.prompts[0].clean_ids and second.positions["END"] == 3
    assert (second.answer, second.foil, second.forced) == ((" b",), (" six",), None)
    assert first.clean_ids == batch.prompts[1].clean_ids[:3] and first.positions["END"] == 2
    assert (first.answer, first.foil) == ((" six",), (" a",))


def test_a_batch_of_answers_of_one_token_is_itself_where_they_differ(words: Any, write: Write, task_text: str) -> None:
    batch = load_task(write(task_text)).batch(words, n=3)
    assert batch.at_contrast is batch


def test_a_list_that_makes_no_answer_of_one_token_makes_the_shortest(write: Write, make_word_level: Make) -> None:
    text = (
        'schema = 1\ndescription = "d"\ntemplates = ["{P} is in"]\nanswer = " {C}"\nfoil = " {D}"\n'
        '[slots]\nP = "places"\nC = "cities"\nD = "cities"\n[words]\nplaces = ["a", "b"]\n'
        'cities = ["new york", "new delhi", "los angeles", "rio de janeiro"]\n'
        '[corruptions.other]\nreplace = { P = "places" }\n'
    )
    tokenizer = make_word_level("a b is in new york delhi los angeles rio de janeiro")
    batch = load_task(write(text)).batch(tokenizer)
    assert {len(prompt.forced.ids) for prompt in batch.prompts if prompt.forced} == {2}
    assert all(prompt.forced for prompt in batch.prompts)
    assert batch.notes[0] == (
        "1 of the 4 words of the list cities are not one token here, or make an answer of more than 2 tokens, and are "
        "left out: rio de janeiro. Kept: new york, new delhi, los angeles."
    )


def test_rows_of_others_have_answers_of_several_tokens_only_where_all_do(write: Write, make_word_level: Make) -> None:
    def foreign(clean: str, answer: str, foil: str) -> str:
        return json.dumps({"clean": clean, "corrupt": "b b", "answers": [answer], "wrong_answers": [foil]}) + "\n"

    tokenizer, long = make_word_level("a b c"), foreign("a a", " c a", " c b")
    write(long + foreign("a b", " c", " b"), "rows.jsonl")
    (prompt,) = load_task(write(ROWS)).batch(tokenizer).prompts
    assert prompt.clean == "a b"
    write(long, "rows.jsonl")
    (prompt,) = load_task(write(ROWS)).batch(tokenizer).prompts
    assert prompt.forced is not None and prompt.forced.contrast == 1


def test_rows_have_one_corruption(write: Write, make_word_level: Make) -> None:
    write(row(), "rows.jsonl")
    with pytest.raises(TaskError, match=r'no corruption "switch".* This task has: rows'):
        load_task(write(ROWS)).batch(make_word_level("one and two six a b"), corruption="switch")


@pytest.mark.parametrize("name", task_names())
def test_every_built_in_task_makes_a_hundred_prompts_of_every_corruption(name: str, words_of: Make) -> None:
    task = load_task(name)
    tokenizer = words_of(task)
    for corruption in task.corruptions:
        batch = task.batch(tokenizer, corruption=corruption)
        assert len(batch.prompts) == 100
        # This tokenizer reads "17 4" like "174", and so warns of answers that continue a number.
        assert [note for note in batch.notes if "leading space" not in note] == []


def test_ioi_positions_are_the_names() -> None:
    task = load_task("ioi")
    from_file = {name: where.text for name, where in task.spec.positions.items()}
    assert from_file == {"IO": "{IO}", "S1": "{S}", "S1+1": "{S}#1+1", "S2": "{S}#2"}


@pytest.mark.parametrize(
    ("n", "seed", "message"), [(10**9, 0, "at most 100000"), (3, -1, "the seed is -1"), (3, 2**63, "the seed is 9")]
)
def test_no_batch_is_endless_and_no_seed_means_another(
    write: Write, task_text: str, words: Any, n: int, seed: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_task(write(task_text)).batch(words, n=n, seed=seed)


def test_only_the_chosen_templates_are_used_and_the_words_are_the_same_list() -> None:
    task = load_task("ioi")
    model_tokenizer = _demo_tokenizer()
    some = task.batch(model_tokenizer, n=12, templates="2, 0")
    assert {prompt.template for prompt in some.prompts} == {0, 2}
    assert some.templates == "0,2"
    assert {prompt.template for prompt in task.batch(model_tokenizer, n=12).prompts} == {0, 1, 2, 3}


@pytest.mark.parametrize("templates", ["4", "-1", "a", "0,,1", "0;1"])
def test_a_template_that_is_not_there_is_named(templates: str) -> None:
    with pytest.raises(TaskError, match=r"there is no template .* This task has: 0, 1, 2, 3"):
        load_task("ioi").batch(_demo_tokenizer(), n=4, templates=templates)


def test_a_bootstrap_draw_has_as_many_prompts_all_of_them_of_the_original() -> None:
    task, tokenizer = load_task("ioi"), _demo_tokenizer()
    original = task.batch(tokenizer, n=20)
    drawn = task.batch(tokenizer, n=20, resample=1)
    assert len(drawn.prompts) == 20
    assert {prompt.clean for prompt in drawn.prompts} < {prompt.clean for prompt in original.prompts}
    assert drawn == task.batch(tokenizer, n=20, resample=1)
    assert drawn.prompts != task.batch(tokenizer, n=20, resample=2).prompts
    assert drawn.resample == 1 and any("with replacement" in note for note in drawn.notes)


def test_a_batch_apart_from_another_shares_no_word_with_it() -> None:
    task, tokenizer = load_task("latest_s"), _demo_tokenizer()
    first = task.batch(tokenizer, n=2)
    other = task.batch(tokenizer, n=5, seed=1, apart_from=first)
    names = {word for row in task.spec.prompts.words["names"].rows for word in row}  # type: ignore[union-attr]
    used = {
        name for p in first.prompts for name in names if name in f"{p.clean} {p.corrupted}".replace(".", " ").split()
    }
    assert used
    assert not any(name in f"{p.clean} {p.corrupted}" for p in other.prompts for name in used)


def test_when_no_words_are_left_that_is_said() -> None:
    task, tokenizer = load_task("latest_s"), _demo_tokenizer()
    with pytest.raises(TaskError, match=r"of this list, and all of its \d+ have been used$"):
        task.batch(tokenizer, n=5, apart_from=task.batch(tokenizer, n=50))
    task = load_task("ioi")
    with pytest.raises(TaskError, match=r"needs 5 of this list, and of 40 only [1-4] have not been used$"):
        task.batch(tokenizer, n=5, apart_from=task.batch(tokenizer, n=20))


def test_rows_apart_from_a_batch_are_the_others(write: Write, make_word_level: Make) -> None:
    numbers = ["n1", "n2", "n3"]
    write("".join(row(clean=f"one and {n}") for n in numbers), "rows.jsonl")
    task, words = load_task(write(ROWS)), make_word_level("one and two six a b " + " ".join(numbers))
    first = task.batch(words, n=1)
    rest = task.batch(words, apart_from=first)
    assert {p.clean for p in first.prompts}.isdisjoint(p.clean for p in rest.prompts) and len(rest.prompts) == 2
    with pytest.raises(TaskError, match="all of its 3 rows have been used"):
        task.batch(words, apart_from=task.batch(words))
    with pytest.raises(TaskError, match="rows and no templates"):
        task.batch(words, templates="0")


def _demo_tokenizer() -> Any:
    from acdc_custom.model.open import open_tokenizer

    return open_tokenizer("demo-4l")


# -- draws --------------------------------------------------------------------------------------------------


def drawn(task: Task, tokenizer: Any, n: int | None, held_out: int, seed: int = 0) -> list[list[str]]:
    """The clean prompts of the search, for validation, and for the test."""
    selection = PromptSelection(n, seed, held_out=held_out)
    return [[p.clean for p in task.select(tokenizer, selection, draw=draw).prompts] for draw in Draw]


@pytest.mark.parametrize("seed", [0, 3])
def test_no_prompt_is_in_two_draws_and_the_search_has_those_that_it_had(words_of: Make, seed: int) -> None:
    task = load_task("ioi")
    tokenizer = words_of(task)
    search, validation, test = drawn(task, tokenizer, 20, 30, seed)
    assert (len(search), len(validation), len(test)) == (20, 30, 30)
    assert len({*search, *validation, *test}) == 80
    assert search == [p.clean for p in task.batch(tokenizer, n=20, seed=seed).prompts]
    assert drawn(task, tokenizer, 20, 0, seed) == [search, [], []]


@pytest.mark.parametrize(
    ("rows", "n", "held_out", "expected"),
    [
        (60, None, 100, (30, 15, 15)),  # too few: half are searched
        (500, None, 100, (100, 100, 100)),
        (250, None, 100, (100, 75, 75)),
        (39, None, 100, (39, 0, 0)),  # so few that all are searched
        (60, 50, 100, (50, 5, 5)),
        (60, 60, 100, (60, 0, 0)),
        (60, None, 0, (60, 0, 0)),
    ],
)
def test_rows_are_divided(
    write: Write, make_word_level: Make, rows: int, n: int | None, held_out: int, expected: tuple[int, ...]
) -> None:
    numbers = [f"n{i}" for i in range(rows)]
    write("".join(row(clean=f"one and {number}") for number in numbers), "rows.jsonl")
    task = load_task(write(ROWS))
    tokenizer = make_word_level("one and two six a b " + " ".join(numbers))
    draws = drawn(task, tokenizer, n, held_out)
    assert tuple(map(len, draws)) == expected
    assert len({prompt for draw in draws for prompt in draw}) == sum(expected)
    notes = " ".join(task.select(tokenizer, PromptSelection(n, held_out=held_out)).notes)
    if expected == (30, 15, 15):
        assert "The task can make 60 prompts: 30 are searched, 15 are for validation, and 15 for the test." in notes
    if expected[1:] == (0, 0) and held_out:
        assert "none are left to test the circuit on" in notes
