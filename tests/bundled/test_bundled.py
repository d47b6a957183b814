"""The shipped demonstration model, and the text that it was trained on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import acdc_custom.bundled
from acdc_custom.bundled.card import load, score, with_bos
from acdc_custom.bundled.corpus import (
    HELD_OUT,
    corpus,
    held_out_tasks,
    tokens,
    vocabulary,
)
from acdc_custom.bundled.train import END_OF_TEXT, UNKNOWN, build_tokenizer
from acdc_custom.task import load_task

FOLDER = Path(acdc_custom.bundled.__file__).parent / "demo-4l"
TASKS = ("latest_s", "ioi", "antonyms")


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[Any, Any]]:
    yield load(FOLDER)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return list(itertools.islice(corpus(0), 3000))


def test_the_folder_is_an_ordinary_one_without_pickles_and_under_five_megabytes() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    needed = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"}
    assert needed <= names <= needed | {"generation_config.json"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5_000_000


def test_the_architecture_is_what_the_card_says(demo: tuple[Any, Any]) -> None:
    config = demo[0].config
    assert (config.model_type, config.n_layer, config.n_head, config.n_embd) == ("gpt2", 4, 8, 128)
    card = (FOLDER / "README.md").read_text()
    assert "4 layers, 8 heads, width 128, 64 positions" in " ".join(card.split())
    assert "not a language model" in card


@pytest.mark.parametrize(
    ("name", "bos"),
    [
        ("latest_s", "without BOS"),
        ("latest_s", "with BOS"),
        ("ioi", "without BOS"),
        ("ioi", "with BOS"),
        ("antonyms", "without BOS"),
        ("antonyms", "with BOS"),
    ],
)
def test_the_model_does_each_task(demo: tuple[Any, Any], name: str, bos: str) -> None:
    task = load_task(name) if bos == "without BOS" else with_bos(load_task(name))
    scores = score(*demo, task, n=100, seed=77)
    assert scores.first >= 0.99
    assert scores.beats_foil >= 0.99


def test_the_card_has_a_line_for_every_held_out_task() -> None:
    card = (FOLDER / "README.md").read_text()
    for name in held_out_tasks():
        assert f"| {name} |" in card


def test_encoding_adds_nothing_and_a_space_makes_no_difference(demo: tuple[Any, Any]) -> None:
    tokenizer = demo[1]
    ids = tokenizer("Alice is a teacher.").input_ids
    assert ids == tokenizer(" Alice is a teacher .").input_ids
    assert len(ids) == 5
    assert tokenizer("xylophone").input_ids == [tokenizer.unk_token_id]
    assert tokenizer.bos_token == tokenizer.eos_token == tokenizer.pad_token == END_OF_TEXT


def test_the_shipped_vocabulary_is_the_tasks_words(demo: tuple[Any, Any]) -> None:
    shipped = demo[1].get_vocab()
    assert shipped == build_tokenizer().get_vocab()
    assert set(shipped) == {END_OF_TEXT, UNKNOWN, *vocabulary()}
    assert demo[0].config.vocab_size == len(shipped)


def test_no_built_in_prompt_has_a_word_that_the_model_does_not_know(demo: tuple[Any, Any]) -> None:
    for name in TASKS:
        for corruption in load_task(name).corruptions:
            assert load_task(name).batch(demo[1], corruption=corruption).notes == ()


def test_the_corpus_is_deterministic(texts: list[str]) -> None:
    assert texts == list(itertools.islice(corpus(0), 3000))
    assert texts != list(itertools.islice(corpus(1), 3000))


def test_the_corpus_has_only_known_words(texts: list[str]) -> None:
    assert {word for text in texts for word in tokens(text)} <= set(vocabulary())


def test_every_text_fits_the_model(texts: list[str]) -> None:
    assert max(len(tokens(text)) for text in texts) + 2 <= 64


def test_held_out_words_are_in_no_text_of_their_kind(texts: list[str]) -> None:
    half = r"\w+ is a teacher\. \w+ is a student\. The child is \w+\."
    patterns = {  # a text of the kind, without the other sentences that may stand before it
        ("latest_s", (0,)): rf"{half} {half}$",
        ("ioi", (2, 3)): r"Then, \w+ and \w+ went .*",
        ("antonyms", (0,)): r"The opposite .*",
        ("antonyms", (1,)): r"(?:^|(?<=\. ))\w+ is \w+\. \w+ is \w+\.$",
    }
    kinds = {
        kind: [found[0] for text in texts if (found := re.search(pattern, text))] for kind, pattern in patterns.items()
    }
    for held in HELD_OUT:
        kind = kinds[held.task, held.templates]
        assert len(kind) > 100
        assert {word for text in kind for word in tokens(text)}.isdisjoint(held.held_out)
        assert {word for text in texts for word in tokens(text)} >= set(held.held_out)
