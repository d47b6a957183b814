"""Prompts in a tokenizer's chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task
from acdc_custom.task.chat import DATE
from acdc_custom.task.examine import examine
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task_check.text import describe_frame

Write = Callable[..., Path]

SYSTEM = "{{ '<|turn|>system\nBe nice . Alice is here .<|end|>\n' }}"
PLAIN = (
    SYSTEM + "{% for m in messages %}{{ '<|turn|>' + m['role'] + '\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|turn|>assistant\n' }}{% endif %}"
)
WITH_BOS = "{{ bos_token }}" + PLAIN
TRIMMING = PLAIN.replace("m['content']", "m['content'] | trim")
TOLD_THE_DATE = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}{{ date_string }}"
    + PLAIN
)
DATED = "{{ strftime_now('%Y') }}\n" + PLAIN
FAILING = "{{ raise_exception('no user\nhere') }}"
DEAF = "{{ '<|turn|>assistant\n' }}"
TEMPLATE = "{A} gave the ball to {B}. {B} likes {A}. The ball is now with"


@cache
def tokenizer(chat_template: str | None, begins_by_itself: bool = False) -> Any:
    """Whose tokens are words, full stops and line ends; every name is known."""
    text = "<bos> <unk> <|turn|> <|end|> \n . , system user assistant Be nice is here 26 Jul 2024 " + TEMPLATE
    words = re.findall(r"\n|[^\s.]+|\.", f"{text} Alice Bob Carol David Erin {re.sub(r'[^0-9]', ' ', DATED)}")
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    lines = pre_tokenizers.Split("\n", "isolated")
    stops = pre_tokenizers.Split(".", "isolated")
    core.pre_tokenizer = pre_tokenizers.Sequence([lines, stops, pre_tokenizers.Split(" ", "removed")])
    if begins_by_itself:
        core.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    made = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<bos>", unk_token="<unk>")
    made.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|end|>"]})
    made.chat_template = chat_template
    return made


@pytest.fixture
def chat_text(task_text: str) -> str:
    return "chat = true\n" + task_text.replace('" {', '"{')


def as_transformers_has_it(tokens: Any, text: str) -> list[int]:
    """The user's turn as the tokenizer makes tokens of it by itself."""
    turns = [{"role": "user", "content": text}]
    found = tokens.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, date_string=DATE)
    return list(found["input_ids"])


@pytest.mark.parametrize("template", [PLAIN, WITH_BOS, TRIMMING, TOLD_THE_DATE], ids=range(4))
@pytest.mark.parametrize("begins_by_itself", [False, True])
def test_a_prompt_has_the_tokens_that_transformers_gives_a_users_turn(
    write: Write, chat_text: str, task_text: str, template: str, begins_by_itself: bool
) -> None:
    tokens = tokenizer(template, begins_by_itself)
    in_chat = load_task(write(chat_text)).batch(tokens, n=5)
    plain = load_task(write(task_text)).batch(tokens, n=5)
    for prompt, bare in zip(in_chat.prompts, plain.prompts, strict=True):
        assert list(prompt.clean_ids) == as_transformers_has_it(tokens, bare.clean)
        assert list(prompt.corrupted_ids) == as_transformers_has_it(tokens, bare.corrupted)
        assert (prompt.answer_ids, prompt.foil_ids) == (bare.answer_ids, bare.foil_ids)
        assert prompt.clean_ids.count(tokens.bos_token_id) == (template == WITH_BOS)
    assert in_chat.notes == ()


def test_positions_and_spans_are_found_in_the_prompt_and_not_in_the_template(write: Write, chat_text: str) -> None:
    tokens = tokenizer(WITH_BOS)
    text = chat_text + '\n[spans]\nfirst = ["{A}", "."]\n'
    for prompt in load_task(write(text)).batch(tokens, n=5).prompts:
        words = tokens.convert_ids_to_tokens(list(prompt.clean_ids))
        begin = len(words) - 1 - words[::-1].index("user") + 2
        assert prompt.positions == {"giver": begin, "dot": begin + 10, "END": len(words) - 1}
        assert words[prompt.positions["dot"]] == "." and words[-2:] == ["assistant", "\n"]
        assert [place for place, span in enumerate(prompt.spans) if span == "first"] == [*range(begin, begin + 7)]


def test_rows_are_put_into_the_template_too(write: Write) -> None:
    row = {"clean": "Alice likes Bob", "corrupted": "Carol likes Bob", "answer": "Alice", "foil": "Carol"}
    write(json.dumps(row), "rows.jsonl")
    tokens = tokenizer(PLAIN)
    path = write('description = "rows"\nchat = true\nrows = "rows.jsonl"\n[positions]\nlast = ". "\n')
    with pytest.raises(TaskError, match=r"positions\.last: .* is not found; it occurs 0 times"):
        load_task(path).batch(tokens)  # though the template has some
    path = write('description = "rows"\nchat = true\nrows = "rows.jsonl"\n[positions]\nverb = "likes"\n')
    (prompt,) = load_task(path).batch(tokens).prompts
    assert list(prompt.clean_ids) == as_transformers_has_it(tokens, row["clean"])
    assert list(prompt.corrupted_ids) == as_transformers_has_it(tokens, row["corrupted"])
    assert tokens.convert_ids_to_tokens(prompt.clean_ids[prompt.positions["verb"]]) == "likes"
    assert [change for change in prompt.spans if change.startswith("verb")] == ["verb", *["verb..END"] * 5]


ERRORS = {
    "no template": (None, "this tokenizer has no chat template. Use a chat model, or delete the line"),
    "one that fails": (FAILING, "this tokenizer's chat template fails: TemplateError: no user here"),
    "one that leaves the prompt out": (DEAF, "this tokenizer's chat template does not write what the user says"),
    "one that is no template": ("{% if %}", "this tokenizer's chat template fails: TemplateSyntaxError: "),
}


@pytest.mark.parametrize(("template", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_a_template_that_cannot_be_used_is_one_clear_error(
    write: Write, chat_text: str, template: str | None, message: str
) -> None:
    path = write(chat_text)
    with pytest.raises(TaskError) as error:
        load_task(path).batch(tokenizer(template), n=1)
    assert str(error.value).startswith(f"{path}: chat = true: {message}")
    assert "\n" not in str(error.value)
    found = examine(load_task(path), tokenizer(template), n=1)
    assert [problem.what for problem in found.problems] == [str(error.value)]
    assert found.prompts == () and found.examined[0].problems == ()


def test_a_template_that_changes_a_prompt_is_an_error(write: Write, chat_text: str) -> None:
    path = write(chat_text.replace("now with", "now with "))
    with pytest.raises(TaskError, match=r'changes the prompt ".*with "; it takes spaces from its ends'):
        load_task(path).batch(tokenizer(TRIMMING), n=1)


def test_a_template_with_todays_date_is_told(write: Write, chat_text: str) -> None:
    task = load_task(write(chat_text))
    note = "The chat template writes today's date: on another day, these will be other prompts."
    assert note in task.batch(tokenizer(DATED), n=1).notes
    assert note in examine(task, tokenizer(DATED), n=1).notes


def test_an_answer_with_a_space_before_it_is_told(write: Write, task_text: str) -> None:
    batch = load_task(write("chat = true\n" + task_text)).batch(tokenizer(PLAIN), n=1)
    (note,) = batch.notes
    word = batch.prompts[0].answer[0]
    assert note == f'A reply mostly begins without a space: is "{word.strip()}" meant, and not "{word}"?'


def test_prompts_of_other_words_may_have_words_of_the_template(write: Write, chat_text: str) -> None:
    task = load_task(write(chat_text.replace('"Erin"]', '"Erin", "user", "nice"]')))
    tokens = tokenizer(PLAIN)
    assert isinstance(task.spec.prompts, TemplateSpec)
    first = next(
        batch
        for seed in range(99)
        for batch in [task.batch(tokens, n=1, seed=seed)]
        if not {"Alice", "user", "nice"} & {*batch.prompts[0].answer, *batch.prompts[0].foil}
    )
    others = task.batch(tokens, n=9, apart_from=first).prompts
    assert {"Alice", "user", "nice"} <= {word for prompt in others for word in prompt.answer}


def test_the_template_says_how_a_prompt_begins(write: Write, chat_text: str) -> None:
    for said in ("true", "false"):
        path = write(f"prepend_bos = {said}\n" + chat_text)
        with pytest.raises(TaskError) as error:
            load_task(path)
        assert str(error.value).startswith(f"{path}: prepend_bos: not allowed beside chat = true")


def test_the_frame_is_shown(write: Write, chat_text: str) -> None:
    found = examine(load_task(write(chat_text)), tokenizer(PLAIN), n=1)
    assert found.frame is not None
    assert " ".join(" ".join(describe_frame(found.frame)).split()) == (
        "Chat the chat template of the tokenizer writes "
        r'"<|turn|>system\nBe nice . Alice is here .<|end|>\n<|turn|>user\n" before every prompt and '
        r'"<|end|>\n<|turn|>assistant\n" after it; the answer begins the reply'
    )
