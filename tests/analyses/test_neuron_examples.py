"""What makes a neuron fire: on paper, against TransformerBridge's hooks, and stopped in between."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import VOCAB, tiny, tiny_gpt2, tiny_llama

from acdc_custom.analyses import neuron_examples as module
from acdc_custom.analyses.activation_counts import MOST_BINS, Histogram
from acdc_custom.analyses.example_files import ExampleFolder, load_neuron_examples, save
from acdc_custom.analyses.neuron_examples import neuron_examples, what_is_asked
from acdc_custom.analyses.neuron_names import Neuron, ranked_neurons
from acdc_custom.analyses.neuron_records import NeuronExamples
from acdc_custom.analyses.neuron_words import likeness, neuron_weights
from acdc_custom.analyses.texts import Texts, read_texts
from acdc_custom.errors import ResultError, TaskError, UsageError
from acdc_custom.model.attention import Attention, Projection
from acdc_custom.model.model import Model
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.model.weights import Block, Mlp

WORDS = "abcdefghijklmnopqrstuvwxyzABCD"  # a token each


class Letters:
    """A tokenizer of words of one letter, with spaces between them."""

    bos_token_id = None
    unk_token_id = None

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool = False) -> dict[str, Any]:
        found = [(m.start(), m.end()) for m in re.finditer(r"\w+", text)]
        # Anything else, such as the word that another one is asked to continue, is the last token.
        return {"input_ids": [WORDS.find(text[start]) % VOCAB for start, _ in found], "offset_mapping": found}

    def decode(self, ids: list[int]) -> str:
        return "".join(WORDS[token] for token in ids)


def lettered(model: Model) -> Model:
    return dataclasses.replace(model, tokenizer=Letters())


def micro_model() -> Model:
    """Two numbers in the residual stream, no norm, attention that writes nothing, and two neurons:

    N0 = relu(x0), N1 = relu(x1 - 1). Word a is (1, 0), b is (3, 0), c is (0, 2), every other one (0, 0).
    """
    embedding = torch.zeros(VOCAB, 2)
    embedding[0, 0], embedding[1, 0], embedding[2, 1] = 1.0, 3.0, 2.0
    norm = Norm(NormKind.NONE, torch.ones(2), None, 0.0)
    nothing = Projection(torch.zeros(1, 2, 1), None)
    attention = Attention(nothing, nothing, nothing, torch.zeros(1, 1, 2), None, 1.0)
    mlp = Mlp(torch.eye(2), torch.tensor([0.0, -1.0]), None, torch.eye(2), None, torch.relu)
    like = lettered(tiny_gpt2(0, layers=1))
    weights = dataclasses.replace(
        like.weights,
        token_embedding=embedding,
        position_embedding=None,
        blocks=(Block(norm, attention, norm, mlp),),
        final_norm=norm,
        unembedding=embedding.flip(1),
        unembedding_bias=None,
    )
    return dataclasses.replace(like, weights=weights, bridge=None)


TEXTS = ["d a d", "b", "", "c a b c", "d d"]


def test_examples_are_those_of_paper() -> None:
    found = neuron_examples(micro_model(), TEXTS, ["L0N0", "L0N1"], top=2, longest=3)
    assert (found.n_read, found.n_cut, found.seen) == (4, 1, (0, 1, 2, 3))
    first, second = found.neurons
    seen = [(e.value, e.line, e.start, e.peak, e.tokens, e.activations) for e in first.highest]
    # "c a b c" is read as "c a b" and "c"; of two peaks of 3, the one that was read first is the first.
    assert seen == [(3, 2, 0, 0, ("b",), (3,)), (3, 4, 0, 2, ("c", " a", " b"), (0, 1, 3))]
    assert [(e.value, e.line, e.start) for e in second.highest] == [(1, 4, 0), (1, 4, 3)]
    assert (first.n_tokens, first.total, first.n_positive) == (10, 8, 4)
    assert [(one.text, one.activation) for one in first.fires_at[:2]] == [("b", 3), (" a", 1)]
    assert first.lowest == (), "no gate turns an activation over"
    bins = {(first.histogram.first + i) * first.histogram.width: n for i, n in enumerate(first.histogram.counts) if n}
    assert bins == {0: 6, 1: 2, 3: 2}
    assert [(row["rank"], row["token"], row["position"]) for row in found.to_rows()[:2]] == [(1, "b", 0), (2, " b", 2)]


def test_a_neuron_reads_and_writes_the_words_that_its_weights_point_at() -> None:
    weights = neuron_weights(micro_model(), Neuron(0, 0), n=2)
    assert [(one.text, one.cosine) for one in weights.reads] == [("a", 1), ("b", 1)]
    assert [(one.text, one.cosine) for one in weights.writes[:1]] == [("c", 1)], "its unembedding is (2, 0)"


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "gpt-neox"])
def test_activations_are_those_that_hooks_see(name: str) -> None:
    model = lettered(tiny(name, 0))
    found = neuron_examples(model, ["a b c d e f", "x y z"], ["L1N7", "L0N3"], longest=6)
    for record, (layer, neuron) in zip(found.neurons, ((1, 7), (0, 3)), strict=True):
        for example in record.highest:
            ids = torch.tensor([[WORDS.index(token.strip()) for token in example.tokens]])
            _, cache = model.bridge.run_with_cache(ids)
            expected = cache[f"blocks.{layer}.mlp.hook_post"][0, :, neuron]
            assert np.allclose(example.activations, expected, atol=1e-5)
            assert example.value == max(example.activations)
        gated = name in ("llama", "gemma2")
        assert [example.value for example in record.lowest] == sorted(
            min(e.activations) for e in record.highest
        ) * gated


def random_texts(n: int) -> list[str]:
    generator = np.random.default_rng(0)
    return [" ".join(WORDS[i] for i in generator.integers(0, 20, generator.integers(1, 20))) for _ in range(n)]


def test_work_that_was_killed_goes_on_and_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    model, texts = lettered(tiny_llama(0)), Texts.of(random_texts(50), "some")
    whole = neuron_examples(model, texts, ["L1N7", "L0N2"], top=4)
    asked = what_is_asked(model, texts, whole.asked.neurons, top=4)
    starts = []
    for _ in range(4):  # batches: each time, one is read
        with ExampleFolder(tmp_path) as folder:
            earlier = folder.earlier(asked)
            starts.append(earlier.n_read if earlier else 0)

            def stop(found: NeuronExamples, folder: ExampleFolder = folder) -> None:
                folder.note(found)
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                neuron_examples(model, texts, asked.neurons, top=4, earlier=earlier, on_batch=stop)
    assert starts == [0, 16, 32, 48]
    with ExampleFolder(tmp_path) as folder:
        folder.note(neuron_examples(model, texts, asked.neurons, top=4, earlier=folder.earlier(asked)))
    assert load_neuron_examples(tmp_path) == whole and whole.is_complete
    every = neuron_examples(model, texts, asked.neurons, top=50).neurons[0].highest
    assert whole.neurons[0].highest == every[:4], "what has fallen out is not missed"


def test_a_folder_of_something_else_is_refused_and_so_is_a_second_process(tmp_path: Path) -> None:
    model, texts = micro_model(), Texts.of(TEXTS)
    save(neuron_examples(model, texts, ["L0N0"]), tmp_path)
    with ExampleFolder(tmp_path) as folder:
        with pytest.raises(UsageError, match=r"neurons L0N0 there, L0N1 now\. Give another --out"):
            folder.earlier(what_is_asked(model, texts, [Neuron(0, 1)]))
        with pytest.raises(UsageError, match="other texts, under the same name"):
            folder.earlier(what_is_asked(model, Texts.of(["a", "b", "c", "d"]), [Neuron(0, 0)]))
        with pytest.raises(ResultError, match="another process writes into"):
            ExampleFolder(tmp_path)
    path = tmp_path / "neuron-examples.json"
    path.write_text(path.read_text().replace('"n_read": 4', '"n_read": 5'))
    with pytest.raises(ResultError, match="is damaged: n_read is 5, of 4 texts"):
        load_neuron_examples(tmp_path)


def test_the_histogram_is_the_same_in_whatever_parts_the_values_come() -> None:
    values = np.random.default_rng(1).normal(size=500) * 7
    whole = Histogram().with_values(values)
    parts = Histogram()
    for some in np.array_split(values[::-1], 60):
        parts = parts.with_values(some)
    assert parts == whole and sum(whole.counts) == 500
    assert MOST_BINS / 2 - 1 <= len(whole.counts) <= MOST_BINS
    edges = whole.width * (whole.first + np.arange(len(whole.counts) + 1))
    assert np.histogram(values, edges)[0].tolist() == list(whole.counts)


def test_words_of_one_direction_belong_together_and_p_is_never_below_its_smallest() -> None:
    model = micro_model()
    embedding = torch.randn(VOCAB, 16, generator=torch.Generator().manual_seed(0))
    embedding[:4] = embedding[0] + 0.01 * embedding[:4]
    model = dataclasses.replace(model, weights=dataclasses.replace(model.weights, token_embedding=embedding))
    alike = likeness(model, [0, 1, 2, 3], range(8))
    assert alike is not None and alike.words == ("a", "b", "c", "d") and alike.n_random == 4
    assert alike.mean > 0.99 and alike.smallest_p == 1 / 70, "one of the 70 sets of four words of eight"
    assert alike.p_value == pytest.approx(1 / 70, abs=0.005) and alike.p_value >= alike.smallest_p
    many = likeness(model, [0, 1, 2, 3], range(29))
    assert many is not None and many.smallest_p == 1 / 10_001 <= many.p_value < 0.001
    assert likeness(model, [0, 1], range(8)) is None
    nothing = likeness(model, [0, 1, 2], range(3))
    assert nothing is not None and (nothing.n_random, nothing.p_value, nothing.smallest_p) == (0, 1, 1)


def test_neurons_are_read_in_every_form_and_named_in_one() -> None:
    for written in ("L5N441", "l5n441", "L5 N441", " 5.441", "m5.n441"):
        assert str(Neuron.parse(written)) == "L5N441"
    with pytest.raises(UsageError, match=r'"L5H4" is no neuron\. Neurons are called L5N441'):
        Neuron.parse("L5H4")


def test_the_neurons_of_a_table_are_taken_by_their_effect_of_either_sign(tmp_path: Path) -> None:
    table = tmp_path / "patch.csv"
    table.write_text("layer,neuron,logit_diff,effect\n1,0,9,0.1\n1,1,9,-0.5\n1,2,9,0.3\n")
    assert [str(one) for one in ranked_neurons(table, 2)] == ["L1N1", "L1N2"]
    table.write_text("layer,neuron,reads_z,writes_z\n0,0,1,-9\n0,1,3,0\n")
    assert [str(one) for one in ranked_neurons(table, 5)] == ["L0N0", "L0N1"]
    table.write_text("layer,neuron\n0,0\n")
    with pytest.raises(TaskError, match="this is no table of neurons"):
        ranked_neurons(table, 5)


def test_a_file_of_texts_has_one_per_line_or_is_jsonl(tmp_path: Path) -> None:
    plain, lines = tmp_path / "a.txt", tmp_path / "a.jsonl"
    plain.write_text("one\n\n two \n")
    assert read_texts(plain) == Texts("a.txt", (1, 3), ("one", " two "))
    lines.write_text('{"text": "one", "n": 1}\n\n{"text": "two"}\n')
    assert read_texts(lines) == Texts("a.jsonl", (1, 3), ("one", "two"))
    lines.write_text('{"text": "one"}\n{"prompt": "two"}\n')
    with pytest.raises(TaskError, match=r'a\.jsonl, line 2: no "text" that is a text; its keys are: prompt \(example:'):
        read_texts(lines)
    plain.write_text("\n \n")
    with pytest.raises(UsageError, match="there is no text"):
        read_texts(plain)


def test_what_the_model_has_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = micro_model()
    for name in ("L0N2", "L1N0"):
        with pytest.raises(UsageError, match=f"there is no neuron {name}: those of .* are L0N0 to L0N1"):
            neuron_examples(model, ["a"], [name])
    with pytest.raises(UsageError, match=f"pieces of 99 tokens: .* reads 1 to {model.max_positions} at once"):
        neuron_examples(model, ["a"], ["L0N0"], longest=99)
    with pytest.raises(UsageError, match="attention only"):
        neuron_examples(lettered(tiny("attention only", 0)), ["a"], ["L0N0"])
    monkeypatch.setattr(module, "_activations", lambda model, asked, pieces: np.full((1, 1, 1), np.nan))
    with pytest.raises(module.ModelError, match="no finite number"):
        neuron_examples(model, ["a"], ["L0N0"])
