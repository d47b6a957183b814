"""Small tokenizers, built on the spot, and a task file to break."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from acdc_custom.task import Task

TASK = """\
schema = 1
description = "Who has the ball?"
corruption = "switch"
templates = ["{A} gave the ball to {B}. {B} likes {A}. The ball is now with"]
answer = " {B}"
foil = " {A}"
[slots]
A = "names"
B = "names"
[words]
names = ["Alice", "Bob", "Carol", "David", "Erin"]
[positions]
giver = "{A}"
dot = ".#2"
[corruptions.switch]
replace = { A = "{B}", B = "{A}" }
[corruptions.rename]
replace = { A = "names", "B#2" = "names" }
"""

TABLE_TASK = """\
schema = 1
description = "opposites"
templates = ["Not {d.word} but {d.opposite}. Not {q.word} but", "{A} says: not {q.word} but"]
answer = " {q.opposite}"
foil = " {r.opposite}"
[slots]
d = "pairs"
q = "pairs"
r = "pairs"
A = "names"
[words]
names = ["Alice", "Bob"]
[words.pairs]
columns = ["word", "opposite"]
rows = [["hot", "cold"], ["cold", "hot"], ["big", "small"], ["small", "big"], ["wet", "dry"]]
[positions]
cue = "{q.word}"
[corruptions.swap]
replace = { q = "{r}" }
"""


class SmallTokenizer:
    """What a task asks of a Hugging Face fast tokenizer, and no more."""

    def __init__(self, tokenizer: Tokenizer, bos_token_id: int | None, unk_token_id: int | None) -> None:
        self.tokenizer = tokenizer
        self.bos_token_id = bos_token_id
        self.unk_token_id = unk_token_id

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool) -> dict[str, list]:
        encoding = self.tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": encoding.ids, "offset_mapping": encoding.offsets}

    def decode(self, token_ids: list[int]) -> str:
        return self.tokenizer.decode(token_ids, skip_special_tokens=False)


class BeginsByItself(SmallTokenizer):
    """Puts its beginning-of-text token before every text, as those of Llama 3 and Gemma do."""

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool) -> dict[str, list]:
        output = super().__call__(text, add_special_tokens=False, return_offsets_mapping=return_offsets_mapping)
        if add_special_tokens:
            output["input_ids"] = [self.bos_token_id, *output["input_ids"]]
        return output


WORDS = pre_tokenizers.Whitespace()
WORDS_AND_DIGITS = pre_tokenizers.Sequence([WORDS, pre_tokenizers.Digits(individual_digits=True)])


def word_level(text: str, bos_token_id: int | None = 0, split: pre_tokenizers.PreTokenizer = WORDS) -> SmallTokenizer:
    """A tokenizer whose words are those of a text; every other word is unknown."""
    words = dict.fromkeys(word for word, _ in split.pre_tokenize_str(text))
    vocabulary = {word: i for i, word in enumerate(["<bos>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = split
    return SmallTokenizer(tokenizer, bos_token_id, 1)


def byte_level(texts: list[str], trim_offsets: bool) -> SmallTokenizer:
    """A GPT-2-like BPE that keeps the words of these texts whole, spaces included, and splits the rest."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if trim_offsets:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return SmallTokenizer(tokenizer, None, None)


@pytest.fixture(scope="session")
def words() -> SmallTokenizer:
    """A word-level tokenizer that knows every word of both task texts."""
    return word_level(TASK + TABLE_TASK)


@pytest.fixture(scope="session", params=[True, False], ids=["trimmed offsets", "offsets with the space"])
def bpe(request: pytest.FixtureRequest) -> SmallTokenizer:
    """A BPE that knows Erin only with a space before it, and David not at all."""
    names = ["Alice", "Bob", "Carol"]
    texts = [f"{a} gave the ball to {b}. {b} likes {a}. The ball is now with {a}" for a in names for b in names]
    return byte_level([*texts, "the ball to Erin"], request.param)


@pytest.fixture
def make_word_level() -> Callable[..., SmallTokenizer]:
    """For tests that choose their own words."""
    return word_level


@pytest.fixture
def begins_by_itself() -> Callable[[str], SmallTokenizer]:
    """The same, with a beginning of text of its own before every text."""

    def make(text: str) -> SmallTokenizer:
        plain = word_level(text).tokenizer
        plain.add_special_tokens(["<bos>"])
        return BeginsByItself(plain, 0, 1)

    return make


@pytest.fixture
def words_and_digits() -> Callable[[str], SmallTokenizer]:
    """The same, with every digit a word of its own."""
    return functools.partial(word_level, split=WORDS_AND_DIGITS)


@pytest.fixture
def words_of() -> Callable[[Task], SmallTokenizer]:
    """A tokenizer of every word and digit in a built-in task's files."""

    def tokenizer(task: Task) -> SmallTokenizer:
        rows = task.path.with_suffix(".jsonl")
        return word_level(
            task.text + (rows.read_text(encoding="utf-8") if rows.exists() else ""), split=WORDS_AND_DIGITS
        )

    return tokenizer


@pytest.fixture
def task_text() -> str:
    """A right task file."""
    return TASK


@pytest.fixture
def table_text() -> str:
    """A right task file with a table of words and two templates."""
    return TABLE_TASK


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file (the task file, unless it is named) into an empty folder."""

    def write_file(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write_file
