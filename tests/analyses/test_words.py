"""Congruence of words and neurons, by hand and by brute force."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import VOCAB, tiny, tiny_gpt2, tiny_llama
from tiny_task import TASK

from acdc_custom.analyses import words
from acdc_custom.analyses.congruence import congruence, draw_congruence, pair_similarities
from acdc_custom.analyses.word_neurons import NeuronSide, draw_word_neurons, word_neurons
from acdc_custom.analyses.words import WordSet, given_words, random_words, task_words, token_directions
from acdc_custom.choices import Similarity, TokenPlace
from acdc_custom.errors import UsageError
from acdc_custom.model.model import Model
from acdc_custom.task import load_task


class Letters:
    """A tokenizer of 30 words, `a` to `z` and four that are no words; unknown words are token 29."""

    bos_token_id = 26
    unk_token_id = 29

    def __init__(self) -> None:
        self.vocabulary = [*"abcdefghijklmnopqrstuvwxyz", "<bos>", "1", ".", "<unk>"]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.vocabulary[token] for token in ids)

    def __call__(
        self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool = False
    ) -> dict[str, list[int]]:
        return {"input_ids": [self.vocabulary.index(w) if w in self.vocabulary else 29 for w in text.split()]}


def lettered(model: Model) -> Model:
    return replace(model, tokenizer=Letters())


SOME = WordSet("some", ("a", "b", "c"), (0, 1, 2), ())


def test_words_that_are_not_one_known_token_are_left_out() -> None:
    found = given_words(Letters(), ["c", " a", "c", "xyz", "b", "a b"])
    assert (found.words, found.tokens, found.left_out) == (("c", "a", "b"), (2, 0, 1), ("xyz", "a b"))
    with pytest.raises(UsageError, match="2 of 3 words are one token for this tokenizer, and at least 3"):
        given_words(Letters(), ["a", "b", "xyz"])


def test_a_task_gives_the_list_that_its_answers_come_from() -> None:
    antonyms = load_task("antonyms")
    tokenizer = _every_word(json.dumps(antonyms.text))
    assert {"happy", "sad"} <= set(task_words(antonyms, tokenizer).words)
    assert "Alice" in task_words(antonyms, tokenizer, "names").words
    with pytest.raises(UsageError, match=r'no word list "nam".*Did you mean "names"'):
        task_words(antonyms, tokenizer, "nam")
    with pytest.raises(UsageError, match="the task tiny has no word lists"):
        task_words(TASK, tokenizer)


def _every_word(text: str) -> Letters:
    tokenizer = Letters()
    tokenizer.vocabulary = sorted(set(re.findall("[A-Za-z]+", text)))
    return tokenizer


def test_random_words_are_whole_words_outside_the_set_and_the_same_for_a_seed() -> None:
    found = random_words(Letters(), VOCAB, (0, 1), seed=3)
    assert sorted(found) == list(range(2, 26))
    assert found == random_words(Letters(), VOCAB, (0, 1), seed=3) != random_words(Letters(), VOCAB, (0, 1), seed=4)


def test_every_pair_counts_once_and_no_word_is_compared_with_itself() -> None:
    directions = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
    assert pair_similarities(directions).tolist() == [2.0, 0.0, 3.0]
    result = congruence(lettered(tiny_gpt2(0)), SOME)
    assert [(row["word"], row["other"]) for row in result.to_rows()] == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize("similarity", Similarity)
def test_the_means_of_random_sets_are_those_of_all_sets(similarity: Similarity) -> None:
    """Brute force: every set of three of 26 letters has the same chance."""
    model = lettered(tiny_gpt2(0))
    result = congruence(model, SOME, TokenPlace.EMBEDDING, similarity)
    directions = model.weights.token_embedding[:26].double()
    if similarity is Similarity.COSINE:
        directions = directions / directions.norm(dim=1, keepdim=True)
    every = [float(pair_similarities(directions[list(some)]).mean()) for some in itertools.combinations(range(26), 3)]
    assert result.mean == pytest.approx(every[0])
    assert result.random_means.mean() == pytest.approx(np.mean(every), abs=5 * np.std(every) / 100)
    assert result.random_means.std() == pytest.approx(np.std(every), rel=0.05)
    exact_p = np.mean(np.array(every) >= every[0] - 1e-12)
    assert result.p_value == pytest.approx(exact_p, abs=0.025)
    assert result.random_means.max() == pytest.approx(max(every), rel=0.2)


def test_words_with_one_direction_are_congruent_and_words_alike_by_chance_are_not() -> None:
    model = tiny_gpt2(0)
    embedding = model.weights.token_embedding.clone()
    embedding[:3] = embedding[0] + 0.01 * embedding[:3]
    model = lettered(replace(model, weights=replace(model.weights, token_embedding=embedding)))
    alike, chance = (congruence(model, some, TokenPlace.EMBEDDING) for some in (SOME, given_words(Letters(), "xyzw")))
    assert alike.mean > 0.99 and alike.p_value < 0.002
    assert chance.p_value > 0.01
    assert "p = " in draw_congruence(alike).to_svg()


def test_after_block_0_a_word_is_what_block_1_reads_of_a_prompt_of_that_word(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lettered(tiny_llama(0))
    monkeypatch.setattr(words, "AT_ONCE", 2)
    found = token_directions(model, (4, 5, 6), TokenPlace.BLOCK_0, (26,))
    for row, token in enumerate((4, 5, 6)):
        _, cache = model.bridge.run_with_cache(torch.tensor([[26, token]]))
        expected = model.weights.blocks[1].attention_norm(cache["blocks.1.hook_resid_pre"][0, -1])
        assert torch.allclose(found[row], expected, atol=1e-5)


def test_neurons_are_compared_with_words_by_cosine() -> None:
    model = lettered(tiny_gpt2(0))
    result = word_neurons(model, SOME)
    block, weights = model.weights.blocks[1], model.weights
    assert block.mlp is not None and block.mlp_norm is not None
    read = block.mlp_norm(words.token_residuals(model, SOME.tokens, TokenPlace.BLOCK_0))
    for neuron in (0, 7):
        reads = torch.cosine_similarity(block.mlp.weight_in[:, neuron], read, dim=-1).mean()
        out = weights.unembedding[list(SOME.tokens)] * weights.final_norm.weight
        writes = torch.cosine_similarity(block.mlp.weight_out[neuron], out, dim=-1).mean()
        assert result.cosine[NeuronSide.READS][1, neuron] == pytest.approx(float(reads))
        assert result.cosine[NeuronSide.WRITES][1, neuron] == pytest.approx(float(writes))


def test_a_neuron_that_writes_the_words_is_the_first_of_those_that_write() -> None:
    model = tiny_llama(0)
    weights = model.weights
    mlp = weights.blocks[1].mlp
    assert mlp is not None
    out = mlp.weight_out.clone()
    out[5] = (weights.unembedding[:3] * weights.final_norm.weight).sum(0)
    blocks = (weights.blocks[0], replace(weights.blocks[1], mlp=replace(mlp, weight_out=out)))
    result = word_neurons(lettered(replace(model, weights=replace(weights, blocks=blocks))), SOME)
    writing = [(layer, neuron) for layer, neuron, side in result.strongest(20) if side is NeuronSide.WRITES]
    assert writing[0] == (1, 5)
    assert "L1 N5 writes" in draw_word_neurons(result).to_svg()
    assert result.to_rows()[24 + 5]["writes_z"] == result.z[NeuronSide.WRITES][1, 5]


def test_a_model_without_mlps_has_no_neurons() -> None:
    with pytest.raises(UsageError, match="attention only"):
        word_neurons(lettered(tiny("attention only", 0)), SOME)
