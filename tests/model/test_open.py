"""Every kind of name leads to a model, or to one clear line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from commands import run_command
from directories import Change, both, changed_config, local_model, remove, write
from tiny import VOCAB

import acdc_custom
from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model import catalogue
from acdc_custom.model.open import open_model
from acdc_custom.model.size import model_bytes


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "cache_directory", lambda: tmp_path / "cache")


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


def cut_off(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    (folder / "adapter_model.safetensors").write_bytes(b"")


def sharded(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
NO_TOKENIZER = remove("tokenizer.json")
PICKLED = both(remove("model.safetensors"), write("pytorch_model.bin", b"pickle"))


BROKEN: dict[str, tuple[Change, str]] = {
    "a configuration that is no JSON": (write("config.json", b"{{{"), "could not be .*: .*not a valid JSON"),
    "a configuration that is a list": (write("config.json", b"[]"), "could not be read"),
    "a text for a number": (changed_config(num_hidden_layers="x"), "could not be (loaded|read): .*num_hidden_layers"),
    "weights that are cut off": (cut_off, "model.safetensors is no safetensors file, or is cut off"),
    "weights that are none": (write("model.safetensors", b"none"), "is no safetensors file, or is cut off"),
    "no weights": (remove("model.safetensors"), "there are no weights in .*: no model.safetensors"),
    "a tokenizer that is no JSON": (write("tokenizer.json", b"{"), "could not be loaded"),
    "only a pickle": (PICKLED, "pytorch_model.bin, which is not read: .* can run code .* use_safetensors=False"),
    "a pointer for weights": (write("model.safetensors", POINTER), "model.safetensors of .* is a pointer of Git LFS"),
    "a pointer for a tokenizer": (write("tokenizer.json", POINTER), "tokenizer.json of .* is a pointer of Git LFS"),
    "a pointer for a vocabulary": (write("tokenizer.model", POINTER), "tokenizer.model of .* is a pointer of Git LFS"),
    "an adapter beside a model": (
        adapter,
        "holds an adapter .* merged into its model org/base first: .*merge_and_unload",
    ),
    "no tokenizer": (NO_TOKENIZER, "there is no tokenizer in .*save_pretrained"),
    "an encoder-decoder": (changed_config(is_encoder_decoder=True), "is an encoder-decoder"),
    "a quantised model": (changed_config(quantization_config={"quant_method": "gptq"}), r"are quantised \(gptq, by"),
    "a missing shard": (sharded, "weights of .* are missing: model.safetensors.index.json names model-00002-of-00002"),
    "an architecture of no library": (changed_config(model_type="wonder"), "could not be (loaded|read): .*wonder"),
    "a model of pictures": (changed_config(model_type="vit"), "could not be read: transformers has no class"),
    "a mixture of experts": (changed_config(model_type="mixtral"), "weights of .* do not fit|no description"),
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


FOLDERS: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "A Hugging Face model directory has config.json, model.safetensors and tokenizer.json"),
    "an adapter": (
        {"adapter_config.json": b'{"base_model_name_or_path": "org/base"}'},
        "It is a PEFT adapter. An adapter has to be merged into its model org/base first",
    ),
    "a GGUF file": ({"tiny.gguf": b"GGUF"}, "It has tiny.gguf: give that file itself"),
    "a pickle": ({"consolidated.00.pth": b""}, "consolidated.00.pth, which is not read"),
    "weights of another name": ({"weights.safetensors": b""}, "The weights have to be called model.safetensors"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_without_a_model_is_refused_with_what_it_has(case: str, tmp_path: Path) -> None:
    files, message = FOLDERS[case]
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=rf"no config\.json in it\. .*{message}"):
        open_model(str(tmp_path))


def test_a_file_that_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"GGU")
    with pytest.raises(UsageError, match=r"this is no GGUF file\. Give one, or a directory"):
        open_model(str(tmp_path / "model.safetensors"))
    with pytest.raises(UsageError, match="there is no file"):
        open_model(str(tmp_path / "nowhere.gguf"))


MARK = "import pathlib\npathlib.Path({!r}).write_text('ran')\nraise RuntimeError\n"
OWN_CODE = {
    "the configuration": ("config.json", {"auto_map": {"AutoConfig": "own.Config"}, "model_type": "wonder"}),
    "the model": ("config.json", {"auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}),
    "the tokenizer": (
        "tokenizer_config.json",
        {"auto_map": {"AutoTokenizer": ["own.Slow", "own.Fast"]}, "tokenizer_class": "Wonder"},
    ),
}


@pytest.mark.parametrize("part", OWN_CODE)
def test_code_beside_a_model_is_never_run_and_never_asked_about(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(prompt: str = "") -> str:
        raise AssertionError(f"asked: {prompt}")

    monkeypatch.setattr("builtins.input", ask)
    folder, mark = local_model(tmp_path / "mine"), tmp_path / "mark"
    (folder / "own.py").write_text(MARK.format(str(mark)))
    file, keys = OWN_CODE[part]
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(content | keys))
    for command in (["tasks", "check", "ioi"], ["tasks", "show", "ioi"]):
        code, out, err = run_command(capsys, *command, "--model", str(folder))
        assert code in (0, 1, 2) and "Traceback" not in out + err
        if part == "the configuration" and "check" in command:
            assert "it comes with code of its own (auto_map), which is never run" in " ".join((out + err).split())
    assert not mark.exists()


def test_only_one_module_reads_models_and_it_refuses_their_code() -> None:
    package = Path(acdc_custom.__file__).parent
    reading = {path.name: path.read_text() for path in package.rglob("*.py") if "from_pretrained(" in path.read_text()}
    # The bundled model's card reads what its own training wrote; checkpoint.py has it in its advice.
    assert set(reading) == {"library.py", "card.py", "checkpoint.py"}
    calls = re.findall(r"Auto\w+\.from_\w+\((.*?)\)\n", reading["library.py"], re.DOTALL)
    assert len(calls) == 4 and all("**NO_CODE" in call for call in calls)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_flash_attention_asked_for_by_a_configuration_changes_nothing(key: str, tmp_path: Path) -> None:
    folder = local_model(tmp_path / "mine")
    plain = open_model(str(folder), device="cpu")
    changed_config(**{key: "flash_attention_2"})(folder)
    assert open_model(str(folder), device="cpu").fingerprint == plain.fingerprint
    assert model_bytes(str(folder), "float32") == 4 * plain.n_parameters


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
