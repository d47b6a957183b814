"""Every kind of name leads to a model, or to one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import VOCAB

from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model import catalogue
from acdc_custom.model.open import open_model


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "cache_directory", lambda: tmp_path / "cache")


def local_model(folder: Path, hf_model: Any = None) -> Path:
    """A Hugging Face directory with random weights and the bundled model's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    bundled = catalogue.BUNDLED[0].directory
    AutoTokenizer.from_pretrained(bundled).save_pretrained(folder)
    if hf_model is None:
        config = LlamaConfig(
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            hidden_size=16,
            intermediate_size=16,
            vocab_size=VOCAB,
            bos_token_id=0,
            eos_token_id=0,
        )
        hf_model = LlamaForCausalLM(config)
    hf_model.save_pretrained(folder)
    return folder


def test_the_default_is_the_bundled_model() -> None:
    model = open_model()
    assert (model.name, model.architecture, model.dtype) == ("demo-4l", "GPT2LMHeadModel", torch.float32)
    assert (model.graph.shape.n_layers, model.graph.shape.n_heads) == (4, 8)


def test_a_local_directory_is_loaded_in_the_precision_asked_for(tmp_path: Path) -> None:
    model = open_model(str(local_model(tmp_path / "mine")), device="cpu", dtype="float64")
    assert (model.title, model.dtype) == ("Llama, SmolLM2", torch.float64)
    assert model.graph.shape.n_kv_heads == 2


def test_an_architecture_without_a_description_is_named(tmp_path: Path) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    bloom = BloomForCausalLM(BloomConfig(hidden_size=16, n_layer=1, n_head=2, vocab_size=VOCAB))
    folder = local_model(tmp_path / "bloom", bloom)
    with pytest.raises(
        ModelError, match=r"no description of the architecture BloomForCausalLM. It has: GPT2LMHeadModel"
    ):
        open_model(str(folder))


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    folder = local_model(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"could not be loaded: .*safetensors"):
        open_model(str(folder))


def changed_config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **values}))

    return change


def write(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def cut_off(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


BROKEN = {
    "a configuration that is no JSON": (write("config.json", b"{{{"), "could not be loaded: .*not a valid JSON"),
    "a configuration that is a list": (write("config.json", b"[]"), "could not be loaded"),
    "a text for a number": (changed_config(num_hidden_layers="x"), "could not be loaded: .*num_hidden_layers"),
    "weights that are cut off": (cut_off, "could not be loaded"),
    "weights that are none": (write("model.safetensors", b"none"), "could not be loaded"),
    "a layer too few": (
        changed_config(num_hidden_layers=2),
        r"do not fit its config\.json: model\.layers\.1.* is missing",
    ),
    "a layer too many": (changed_config(num_hidden_layers=0), "belongs to a layer beyond the 0 that there are"),
    "another width": (changed_config(intermediate_size=32), r"is \(16, 16\), not \(16, 32\), and 2 more like this"),
    "a tokenizer that is no JSON": (write("tokenizer.json", b"{"), "could not be loaded"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_directory_whose_files_do_not_fit_together_is_one_clear_error(case: str, tmp_path: Path) -> None:
    change, message = BROKEN[case]
    folder = local_model(tmp_path / "mine")
    change(folder)
    with pytest.raises(ModelError, match=message) as error:
        open_model(str(folder), device="cpu")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", 'there is no directory "nowhere"'),
        ("bad name!", "cannot be a model's name"),
        ("a/b/c", "cannot be a model's name"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_model(name)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no config\.json in it"):
        open_model(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_with_what_can_be_used_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    with pytest.raises(
        ModelError, match=r"hub cannot be reached \(Name or service.*Did you mean \"demo-4l\"\?.*smollm2"
    ):
        open_model("demo-41")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UsageError, match=r"there is no such device here\. Usable: auto, cpu"):
        open_model(device="cuda")


def test_float64_is_refused_where_the_gpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    with pytest.raises(UsageError, match="this GPU has no float64"):
        open_model(device="mps", dtype="float64")
