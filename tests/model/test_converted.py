"""A packaged model is converted once; what is kept of it is whole, of this version, and the same model."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from acdc_custom.errors import ModelError
from acdc_custom.model import catalogue, converted
from acdc_custom.model import open as opening
from acdc_custom.model.open import model_source, open_model, open_tokenizer

WIDTH, INNER, HEADS, KV_HEADS = 32, 48, 4, 2
WORDS = [" ", "a", "b", "c", "Ġ", "ab", "Ġc", "<|start|>", "<|end|>"]
CONTROL, NORMAL = 3, 1  # kinds of tokens, in GGUF's numbers


def write_gguf(path: Path, seed: int = 0, also: Mapping[str, tuple[int, ...]] | None = None) -> None:
    """A Llama of one layer with random weights and a vocabulary of a few words; `also` are more tensors."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(500.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([CONTROL if word.startswith("<|") else NORMAL for word in WORDS])
    writer.add_token_merges(["a b", "Ġ c"])
    writer.add_bos_token_id(WORDS.index("<|start|>"))
    writer.add_eos_token_id(WORDS.index("<|end|>"))
    shapes = {
        "token_embd": (len(WORDS), WIDTH),
        "output_norm": (WIDTH,),
        "blk.0.attn_norm": (WIDTH,),
        "blk.0.ffn_norm": (WIDTH,),
        "blk.0.attn_q": (WIDTH, WIDTH),
        "blk.0.attn_k": (WIDTH * KV_HEADS // HEADS, WIDTH),
        "blk.0.attn_v": (WIDTH * KV_HEADS // HEADS, WIDTH),
        "blk.0.attn_output": (WIDTH, WIDTH),
        "blk.0.ffn_gate": (INNER, WIDTH),
        "blk.0.ffn_up": (INNER, WIDTH),
        "blk.0.ffn_down": (WIDTH, INNER),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(size=shape).astype(np.float32))
    for name, shape in (also or {}).items():
        writer.add_tensor(name, rng.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue whose one packaged model has been fetched; gives its GGUF file."""
    model = catalogue.PackagedModel("tiny", "a tiny model", "tiny==1.0", "", "tiny/weights.gguf", 1)
    for module in (catalogue, opening):
        monkeypatch.setattr(module, "PACKAGED", (model,))
    monkeypatch.setattr(catalogue, "cache_directory", lambda: tmp_path)
    model.path.parent.mkdir()
    write_gguf(model.path)
    return model.path


def test_it_is_converted_once_in_silence_and_is_the_same_model_afterwards(
    packaged: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    model = open_model("tiny", "cpu", say=said.append)
    assert len(said) == 1 and said[0].startswith("Converting tiny to safetensors, once")
    assert capfd.readouterr().err == ""
    again = open_model("tiny", "cpu", say=said.append)
    tokenizer = open_tokenizer("tiny", said.append)
    assert len(said) == 1
    direct, its_tokenizer = opening._load((str(packaged.parent), {"gguf_file": packaged.name}), "tiny")[:2]
    assert again.fingerprint == model.fingerprint
    assert dict(direct.named_parameters()).keys() == model.parameters.keys()
    assert all(torch.equal(theirs, model.parameters[name]) for name, theirs in direct.named_parameters())
    assert (direct.config.rope_parameters, direct.config.rms_norm_eps) == (
        model.bridge.original_model.config.rope_parameters,
        model.bridge.original_model.config.rms_norm_eps,
    )
    for text in ("abc ab c", "<|start|>ab<|end|>"):
        assert tokenizer(text)["input_ids"] == its_tokenizer(text)["input_ids"] != []
    assert tokenizer.bos_token == its_tokenizer.bos_token == "<|start|>"


def test_where_nothing_can_be_kept_the_gguf_file_is_read_and_it_is_said(packaged: Path) -> None:
    (packaged.parent / converted.LOCK).mkdir()
    said: list[str] = []
    assert model_source("tiny", said.append) == (str(packaged.parent), {"gguf_file": packaged.name})
    assert len(said) == 1 and said[0].startswith("tiny is converted at each use: the result cannot be kept in")


class Maker:
    """Stands for a conversion."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.times = 0
        self.seconds = seconds

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "config.json").write_text("{}")
        time.sleep(self.seconds)
        (folder / "model.safetensors").write_bytes(b"weights")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"packed")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != converted.RECORD}


def changed_record(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / converted.RECORD).read_text())
        (folder / converted.RECORD).write_text(json.dumps(record | changes))

    return change


DAMAGED: dict[str, Callable[[Path], object]] = {
    "weights cut off": lambda folder: (folder / "model.safetensors").write_bytes(b"weight"),
    "weights of the same length": lambda folder: (folder / "model.safetensors").write_bytes(b"wEights"),
    "a file gone": lambda folder: (folder / "config.json").unlink(),
    "no record": lambda folder: (folder / converted.RECORD).unlink(),
    "a record that is none": lambda folder: (folder / converted.RECORD).write_text("[]"),
    "a record cut off": lambda folder: (folder / converted.RECORD).write_text('{"schema": 1'),
    "another version of ours": changed_record(schema=0),
    "another version of transformers": changed_record(transformers="4.0"),
    "no files": changed_record(files=None),
    "another GGUF file": lambda folder: (folder.parent / "weights.gguf").write_bytes(b"packed otherwise"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_damaged_or_of_another_version_is_made_anew(case: str, source: Path) -> None:
    make = Maker()
    folder = converted.converted(source, make)
    assert converted.converted(source, make) == folder and make.times == 1
    DAMAGED[case](folder)
    assert converted.converted(source, make) == folder and make.times == 2
    assert contents(folder) == {"config.json": b"{}", "model.safetensors": b"weights"}
    assert converted.converted(source, make) == folder and make.times == 2


def test_a_conversion_that_fails_leaves_nothing_and_the_next_one_begins_anew(source: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        converted.converted(source, fail)
    assert sorted(path.name for path in source.parent.iterdir()) == [converted.LOCK, source.name]
    killed = source.parent / f"{converted.SCRATCH}abc" / "new"
    killed.mkdir(parents=True)
    converted.converted(source, Maker())
    assert not killed.exists()


def test_those_that_need_it_at_the_same_time_wait_for_the_one_that_makes_it(source: Path) -> None:
    make, found = Maker(seconds=0.3), list[dict[str, bytes]]()
    threads = [
        threading.Thread(target=lambda: found.append(contents(converted.converted(source, make)))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.times == 1
    assert found == [{"config.json": b"{}", "model.safetensors": b"weights"}] * 5


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's GGUF file, and a cache of its own."""
    monkeypatch.setattr(opening, "cache_directory", lambda: tmp_path / "cache")
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "tiny.gguf"
    write_gguf(path)
    return path


def test_a_gguf_file_given_directly_is_read_and_its_conversion_is_kept_elsewhere(own: Path) -> None:
    said: list[str] = []
    model = open_model(str(own), "cpu", say=said.append)
    assert open_model(str(own), "cpu", say=said.append).fingerprint == model.fingerprint
    assert said == [f"Converting {own} to safetensors, once: this takes a minute at most"]
    assert [path.name for path in own.parent.iterdir()] == ["tiny.gguf"]
    write_gguf(own, seed=1)
    assert open_model(str(own), "cpu").fingerprint != model.fingerprint


def test_a_gguf_file_with_tensors_that_would_be_passed_over_is_refused(own: Path) -> None:
    write_gguf(own, also={"rope_freqs.weight": (WIDTH // HEADS // 2,), "blk.0.attn_q_norm.weight": (WIDTH // HEADS,)})
    with pytest.raises(ModelError, match=r"blk\.0\.attn_q_norm\.weight has no place|rope_freqs\.weight has no place"):
        open_model(str(own), "cpu")
