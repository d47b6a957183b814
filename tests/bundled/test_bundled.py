"""The shipped demonstration model, and the text that it was trained on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import acdc_custom.bundled
from acdc_custom.bundled.card import TRAINING, load, score, with_bos
from acdc_custom.bundled.corpus import (
    HELD_OUT,
    KINDS,
    KNOWN,
    LEARNED,
    LESS,
    LONGEST,
    TASKS,
    beginning,
    frame,
    held_out_tasks,
    marked,
    plain,
    shares,
    tokens,
    vocabulary,
    write,
)
from acdc_custom.bundled.train import (
    BESIDE,
    END_OF_TEXT,
    N_POSITIONS,
    UNKNOWN,
    Progress,
    Recipe,
    batches,
    build_model,
    build_tokenizer,
    learning_rate,
    logits_of,
)
from acdc_custom.task import load_task

FOLDER = Path(acdc_custom.bundled.__file__).parent / "demo-4l"


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[Any, Any]]:
    yield load(FOLDER)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(0)
    return [write(kind, rng) for kind in KINDS for _ in range(200)]


def test_the_folder_is_an_ordinary_one_without_pickles_and_under_five_megabytes() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    needed = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md", TRAINING}
    assert needed <= names <= needed | {"generation_config.json"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5_000_000


def test_the_architecture_is_what_the_card_says(demo: tuple[Any, Any]) -> None:
    config = demo[0].config
    assert (config.model_type, config.n_layer, config.n_head, config.n_embd) == ("gpt2", 4, 8, 128)
    card = (FOLDER / "README.md").read_text()
    assert "4 layers, 8 heads, width 128, 64 positions" in " ".join(card.split())
    assert "not a language model" in card


FIRST = {"antonyms": 0.95, "induction": 0.95, "size_comparison": 0.8, "size_in_context": 0.9}  # of the others 0.98


@pytest.mark.parametrize("name", TASKS)
def test_the_model_does_each_task(demo: tuple[Any, Any], name: str) -> None:
    assert score(*demo, load_task(name), n=100, seed=77).first >= FIRST.get(name, 0.98)


@pytest.mark.parametrize("name", ["latest_s", "earliest_s", "antonyms", "induction"])
def test_a_beginning_of_text_makes_no_difference(demo: tuple[Any, Any], name: str) -> None:
    assert score(*demo, with_bos(load_task(name)), n=100, seed=77).first >= FIRST.get(name, 0.98)


@pytest.mark.parametrize("label", held_out_tasks())
def test_the_model_does_each_task_with_words_that_it_never_saw_there(demo: tuple[Any, Any], label: str) -> None:
    assert score(*demo, held_out_tasks()[label], n=None, seed=77).first >= FIRST.get(label.split(",")[0], 0.98)


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


def test_a_text_is_the_same_for_the_same_seed() -> None:
    for kind in KINDS:
        assert [write(kind, random.Random(seed)) for seed in range(9)] == [
            write(kind, random.Random(seed)) for seed in range(9)
        ]
        assert len({write(kind, random.Random(seed)) for seed in range(9)}) > 1


def test_a_kind_begins_when_those_before_it_have_been_learned() -> None:
    assert beginning({}) == {kind for kind, of in KINDS.items() if not of.after}
    assert beginning(dict.fromkeys(KINDS, LEARNED)) == set(KINDS)
    for kind, of in KINDS.items():
        for earlier in of.after:
            assert kind not in beginning({**dict.fromkeys(KINDS, 1.0), earlier: LEARNED - 0.01})


def test_what_is_known_has_less_of_the_texts() -> None:
    kind = next(iter(KINDS))
    assert shares({}, {kind}) == {kind: KINDS[kind].share}
    assert shares({kind: KNOWN}, {kind}) == {kind: KINDS[kind].share * LESS}


def test_the_corpus_has_only_known_words(texts: list[str]) -> None:
    assert {word for text in texts for word in tokens(plain(text))} <= set(vocabulary())


def test_every_text_fits_the_model(texts: list[str]) -> None:
    assert max(len(tokens(plain(text))) for text in texts) <= LONGEST < N_POSITIONS


def test_held_out_words_are_in_no_text_of_their_frame(texts: list[str]) -> None:
    words, every = {word for text in texts for word in tokens(text)}, [plain(text) for text in texts]
    for held in HELD_OUT:
        frames = [frame(held.task, i) for i in held.templates]
        found = [match for pattern in frames for text in every for match in pattern.finditer(text)]
        assert len(found) > 5
        assert {word for match in found for word in match.groups()}.isdisjoint(held.held_out)
        assert words >= set(held.held_out)


def test_a_frame_is_found_in_the_tasks_own_prompts() -> None:
    for held in HELD_OUT:
        spec = ",".join(str(i) for i in held.templates)
        for prompt in load_task(held.task).batch(build_tokenizer(), n=20, templates=spec).prompts:
            assert any(frame(held.task, i).search(prompt.clean) for i in held.templates)


def test_the_marks_tell_the_answers(texts: list[str]) -> None:
    assert marked("John gave it to *Mary.") == [
        *((word, False) for word in ("John", "gave", "it", "to")), ("Mary", True), (".", False),
    ]  # fmt: skip
    for text in texts:
        words = marked(text)
        assert [word for word, _ in words] == tokens(plain(text))
        assert sum(answer for _, answer in words) == text.count("*")


def test_a_batch_is_texts_of_kinds_that_have_begun() -> None:
    tokenizer = build_tokenizer()
    words, recipe = tokenizer.get_vocab(), Recipe(batch=4)
    batch = next(batches(words, random.Random(5), Progress(), recipe))
    assert set(batch.kinds) <= beginning({})
    assert batch.ids.shape == batch.weights.shape
    assert batch.ids.shape[0] == 4 and batch.start + batch.ids.shape[1] <= N_POSITIONS
    assert torch.isin(batch.weights, torch.tensor([0.0, 1.0, BESIDE])).all()
    assert torch.equal(batch.ids, next(batches(words, random.Random(5), Progress(), recipe)).ids)
    assert UNKNOWN not in tokenizer.convert_ids_to_tokens(batch.ids.flatten().tolist())


def test_progress_is_the_share_of_right_answers_and_opens_the_next_kinds() -> None:
    progress = Progress()
    kinds = ["short lists", "short lists"]
    progress.add(kinds, torch.tensor([60, 0]), torch.tensor([100, 100]))
    assert progress.right == {"short lists": 0.3}
    assert "lists" not in progress.begun
    for _ in range(100):
        progress.add(kinds, torch.tensor([100, 100]), torch.tensor([100, 100]))
    assert "lists" in progress.begun
    progress.add(kinds, torch.tensor([0, 0]), torch.tensor([9000, 9000]))
    assert "lists" in progress.begun


def test_the_training_pass_gives_the_models_own_logits() -> None:
    torch.manual_seed(0)
    model = build_model(50, Recipe(layers=2, heads=2, width=32, inner=16)).eval()
    ids = torch.randint(50, (3, N_POSITIONS))
    with torch.no_grad():
        assert torch.allclose(logits_of(model, ids), model(ids, attention_mask=torch.ones_like(ids)).logits, atol=1e-5)


def test_the_training_pass_begins_at_any_position() -> None:
    torch.manual_seed(0)
    model = build_model(50, Recipe(layers=2, heads=2, width=32, inner=16)).eval()
    ids = torch.randint(50, (3, 10))
    with torch.no_grad():
        own = model(ids, position_ids=torch.arange(7, 17)[None], attention_mask=torch.ones_like(ids)).logits
        assert torch.allclose(logits_of(model, ids, start=7), own, atol=1e-5)


def test_the_learning_rate_goes_up_stays_and_falls() -> None:
    rates = [learning_rate(step, Recipe(steps=1000, decay=200)) for step in range(1000)]
    assert rates[0] < rates[25] < rates[49] == rates[799] == max(rates) == 1
    assert rates[799] > rates[900] > rates[999] > 0


def test_the_folder_says_how_it_was_trained(demo: tuple[Any, Any]) -> None:
    training = json.loads((FOLDER / TRAINING).read_text())
    config = demo[0].config
    assert (training["layers"], training["heads"], training["width"], training["inner"]) == (
        config.n_layer, config.n_head, config.n_embd, config.n_inner,
    )  # fmt: skip
    card = (FOLDER / "README.md").read_text()
    for name, value in training.items():
        assert name == "minutes" or f"--{name} {value}" in card
