"""Directories with tiny Hugging Face models in them, and ways to spoil them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tiny import VOCAB

from acdc_custom.model.catalogue import BUNDLED

Change = Callable[[Path], None]

LLAMA: dict[str, Any] = {
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 16,
    "vocab_size": VOCAB,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def llama(**changes: Any) -> Any:
    """A Llama of one layer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**{**LLAMA, **changes}))


def local_model(folder: Path, hf_model: Any = None) -> Path:
    """A directory with a model (None: a Llama of one layer) and the bundled model's tokenizer."""
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(BUNDLED[0].directory).save_pretrained(folder)
    (llama() if hf_model is None else hf_model).save_pretrained(folder)
    return folder


def changed_config(**values: object) -> Change:
    """Sets keys of the configuration."""

    def change(folder: Path) -> None:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, **values}))

    return change


def changed_tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Change:
    """Changes the stored tensors, by their names."""

    def rewrite(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        copies = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
        save_file(copies, folder / "model.safetensors", metadata={"format": "pt"})

    return rewrite


def with_tensors(**shapes: tuple[int, ...]) -> Change:
    """Adds tensors of ones; `__` stands for a dot in their names."""
    return changed_tensors(
        lambda tensors: tensors.update({name.replace("__", "."): torch.ones(shape) for name, shape in shapes.items()})
    )


def write(name: str, data: bytes) -> Change:
    """Writes a file."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def remove(*names: str) -> Change:
    """Deletes files."""

    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def both(*changes: Change) -> Change:
    """One after the other."""

    def change(folder: Path) -> None:
        for each in changes:
            each(folder)

    return change
