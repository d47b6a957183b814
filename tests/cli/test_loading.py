"""What a user sees of a model that cannot be searched, or not as it is stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from directories import Change, changed_tensors, local_model, remove, with_tensors, write

from acdc_custom.model.catalogue import BUNDLED

SPOILED: dict[str, tuple[Change, str]] = {
    "biases that would be left away": (
        with_tensors(model__layers__0__self_attn__q_proj__bias=(16,)),
        "q_proj.bias has no place in it. attention_bias = true in config.json",
    ),
    "no weights": (remove("model.safetensors"), "there are no weights in"),
    "a pointer": (write("tokenizer.json", b"version https://git-lfs.github.com/spec/v1"), "is a pointer of Git LFS"),
    "no numbers": (
        changed_tensors(lambda tensors: tensors["model.norm.weight"].fill_(float("nan"))),
        "model.norm.weight of",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_model_that_cannot_be_searched_is_one_line(case: str, run: Run, tmp_path: Path) -> None:
    change, message = SPOILED[case]
    folder = local_model(tmp_path / "mine")
    change(folder)
    code, out, err = run("discover", "--task", "ioi", "--model", str(folder), "--out", str(tmp_path / "run"))
    assert code == 1 and "Traceback" not in out + err
    assert sum(message in line for line in err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_token_beyond_the_embedding_is_told_by_a_search_and_by_a_check(run: Run, tmp_path: Path) -> None:
    folder = local_model(tmp_path / "mine")
    code, out, err = run("tasks", "check", "ioi", "--n", "2", "--model", str(folder))
    text = " ".join((out + err).split())
    assert code == 1 and "and the model has embeddings for 0 to 29 only" in text and "Give shorter" not in text
    code, out, err = run(
        "discover", "--task", "ioi", "--n", "2", "--model", str(folder), "--out", str(tmp_path / "run")
    )
    assert code == 2 and "embeddings for 0 to 29 only" in err and "Traceback" not in err


@pytest.fixture
def own_beginning(tmp_path: Path) -> Path:
    """The bundled model with a tokenizer that puts its beginning-of-text token before every text."""
    from tokenizers import processors
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(BUNDLED[0].directory, tmp_path / "own"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bos = (tokenizer.bos_token, tokenizer.bos_token_id)
    template = processors.TemplateProcessing(single=f"{bos[0]} $A", special_tokens=[bos])
    tokenizer.backend_tokenizer.post_processor = template
    tokenizer.save_pretrained(folder)
    return folder


def test_the_first_lines_say_whether_there_is_a_beginning_of_text(
    run: Run, own_beginning: Path, tmp_path: Path
) -> None:
    for model, words in (
        ("demo-4l", "no beginning-of-text token"),
        (str(own_beginning), "each behind the beginning-of"),
    ):
        out = str(tmp_path / Path(model).name) + "-run"
        assert words in " ".join(run("tasks", "show", "antonyms", "--n", "1", "--model", model)[1].split())
        _, printed, _ = run("discover", "--task", "antonyms", "--n", "2", "--no-roles", "--model", model, "--out", out)
        first = printed.splitlines()[:4]
        assert any(words in line for line in first)


def test_weights_in_half_precision_are_said_to_be(run: Run, own_beginning: Path) -> None:
    import torch

    changed_tensors(lambda tensors: tensors.update({n: t.to(torch.bfloat16) for n, t in tensors.items()}))(
        own_beginning
    )
    _, out, _ = run("tasks", "check", "antonyms", "--n", "2", "--model", str(own_beginning))
    assert "are stored as bfloat16; everything is computed in float32" in out


def test_words_are_found_whose_token_is_another_one_at_the_beginning_of_a_text(
    run: Run, own_beginning: Path, tmp_path: Path
) -> None:
    tokenizer: dict[str, Any] = json.loads((own_beginning / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    pieces = [["<unk>", 0.0], *([f"▁{word}", -1.0] for word in list(words)[1:])]
    tokenizer["model"] = {"type": "Unigram", "unk_id": 0, "vocab": pieces}
    tokenizer["added_tokens"], tokenizer["post_processor"], tokenizer["normalizer"] = [], None, None
    meta = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    tokenizer["pre_tokenizer"] = tokenizer["decoder"] = meta
    (own_beginning / "tokenizer.json").write_text(json.dumps(tokenizer))
    (own_beginning / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    code, out, err = run(
        "analyze", "congruence", "--task", "antonyms", "--model", str(own_beginning), "--out", str(tmp_path / "words")
    )
    assert code == 0, err
    assert "words" in out
