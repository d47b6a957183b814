"""A hub model is completed from whatever part of it the cache has; what is missing is named where it cannot be."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run_command
from directories import local_model
from small_hub import SmallHub, serve

from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model.open import model_width, open_model, open_tokenizer
from acdc_custom.model.size import model_bytes


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_model(tmp_path_factory.mktemp("files"))


@pytest.fixture
def hub(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHub]:
    """A hub that this process asks, with an empty cache."""
    from huggingface_hub import constants

    folder = Path(shutil.copytree(files, tmp_path / "files"))
    with serve(SmallHub(folder)) as small:
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        turn_to(small.url, monkeypatch)
        yield small


def turn_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", url)


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    turn_to("http://127.0.0.1:1", monkeypatch)


def test_a_model_is_fetched_once_and_then_no_hub_is_needed(hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    model = open_model(hub.name, "cpu", say=said.append)
    assert len(said) == 1 and said[0].startswith("Fetching org/tiny from the Hugging Face hub: 0 MB")
    assert sorted(hub.asked) == sorted(set(hub.asked)) and "model.safetensors" in hub.asked
    unreachable(monkeypatch)
    assert open_model(hub.name, "cpu", say=said.append).fingerprint == model.fingerprint
    assert len(said) == 1


def test_after_only_the_tokenizer_or_the_configuration_was_wanted_the_rest_is_fetched(hub: SmallHub) -> None:
    assert model_width(hub.name) == 16
    assert hub.asked == ["config.json"]
    open_tokenizer(hub.name)
    assert "tokenizer.json" in hub.asked and "model.safetensors" not in hub.asked
    assert model_bytes(hub.name, "float32") == 4 * open_model(hub.name, "cpu").n_parameters
    assert "model.safetensors" in hub.asked and len(hub.asked) == len(set(hub.asked))


def test_a_search_after_a_look_at_the_prompts_has_the_weights(
    hub: SmallHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(capsys, "tasks", "show", "ioi", "--model", hub.name)[0] == 0
    code, out, err = run_command(capsys, "tasks", "check", "ioi", "--n", "2", "--model", hub.name)
    # A tiny random model reads nothing of the sort; that it was opened is the point.
    assert "Fetching org/tiny" in out and "tokens" in out + err and code == 1
    assert "Traceback" not in err


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.cut_off = {"model.safetensors": 100}
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_DOWNLOAD_TIMEOUT", 1)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    first: ModelError | None = None
    try:
        open_model(hub.name, "cpu")
    except ModelError as error:
        first = error
        assert "model.safetensors" in str(error) and "goes on from what is there" in str(error)
    open_model(hub.name, "cpu")
    assert hub.asked.count("model.safetensors") == 2
    assert first is None or hub.asked.count("tokenizer.json") == 1


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_without_a_hub_the_missing_file_is_named(missing: str, hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    open_model(hub.name, "cpu")
    from huggingface_hub import snapshot_download

    (Path(snapshot_download(hub.name, local_files_only=True)) / missing).unlink()
    url = hub.url
    unreachable(monkeypatch)
    with pytest.raises(ModelError, match=f"has only a part of org/tiny, {missing} is missing, .*hf download org/tiny"):
        open_model(hub.name, "cpu")
    turn_to(url, monkeypatch)
    open_model(hub.name, "cpu")


def test_a_cache_that_another_program_filled_without_notes_of_what_is_not_there_is_enough(
    hub: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download(hub.name)
    unreachable(monkeypatch)
    assert open_model(hub.name, "cpu").parameters


def test_sharded_weights_are_fetched_whole_and_a_missing_shard_is_fetched_again(hub: SmallHub) -> None:
    from huggingface_hub import snapshot_download
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(hub.folder)
    (hub.folder / "model.safetensors").unlink()
    model.save_pretrained(hub.folder, max_shard_size="3KB")
    (hub.folder / "consolidated.safetensors").write_bytes(b"the same in another form")
    shards = sorted(path.name for path in hub.folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    opened = open_model(hub.name, "cpu")
    assert set(shards) <= set(hub.asked) and "consolidated.safetensors" not in hub.asked
    (Path(snapshot_download(hub.name, local_files_only=True)) / shards[0]).unlink()
    assert open_model(hub.name, "cpu").fingerprint == opened.fingerprint


def test_a_model_that_changes_on_the_hub_is_taken_whole(hub: SmallHub) -> None:
    from directories import llama

    open_tokenizer(hub.name)
    other = llama(num_hidden_layers=2)
    other.save_pretrained(hub.folder)
    hub.commit = "b" * 40
    assert open_model(hub.name, "cpu").graph.shape.n_layers == 2


def test_a_gated_model_says_so(hub: SmallHub) -> None:
    hub.gated = True
    with pytest.raises(ModelError, match=r"only to those who have accepted its terms\. .*hf auth login"):
        open_model(hub.name, "cpu")


def test_a_name_that_the_hub_does_not_know_is_refused(hub: SmallHub) -> None:
    with pytest.raises(UsageError, match="--model org/other: the hub has no model of this name"):
        open_model("org/other", "cpu")


def test_an_answer_that_does_not_come_is_told_in_time(hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acdc_custom.model.hub.SECONDS", 0.3)
    hub.slow = 2.0
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"is not in the local cache and the Hugging Face hub cannot be reached"):
        open_model(hub.name, "cpu")
    assert time.monotonic() - start < 10


INSTEAD = {
    "pytorch_model.bin": "pytorch_model.bin, which is not read",
    "tiny.Q4.gguf": "It has tiny.Q4.gguf",
}


@pytest.mark.parametrize("file", INSTEAD)
def test_what_a_model_on_the_hub_has_instead_of_weights_is_told_before_any_download(file: str, hub: SmallHub) -> None:
    (hub.folder / "model.safetensors").rename(hub.folder / file)
    with pytest.raises(ModelError, match=f"org/tiny on the hub has no model.safetensors. .*{INSTEAD[file]}"):
        open_model(hub.name, "cpu")
    assert hub.asked == []


def test_an_adapter_on_the_hub_is_refused_by_name(hub: SmallHub) -> None:
    (hub.folder / "config.json").unlink()
    (hub.folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="It is a PEFT adapter"):
        open_model(hub.name, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "record"),
    [
        (("sweep", "--thresholds", "1,2"), "sweep.json"),
        (("stability", "--threshold", "1", "--runs", "2", "--alone", "0"), "stability.json"),
    ],
)
def test_many_runs_find_the_weights_on_an_empty_cache(
    command: tuple[str, ...],
    record: str,
    hub: SmallHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from acdc_custom.model.catalogue import BUNDLED

    shutil.rmtree(hub.folder)
    shutil.copytree(BUNDLED[0].directory, hub.folder)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)  # for the processes that carry it out
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    options = ["--task", "antonyms", "--n", "2", "--workers", "2", "--model", hub.name, "--out", str(tmp_path / "out")]
    code, out, err = run_command(capsys, *command, *options)
    assert code == 0, out + err
    assert (tmp_path / "out" / record).is_file() and hub.asked.count("model.safetensors") == 1
