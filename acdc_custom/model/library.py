"""What is asked of transformers: a configuration, a tokenizer, a model, each from a directory.

Owns every call that reads one. Code that lies beside a model is never run, and nobody is asked whether it may be:
`trust_remote_code` is false in each of them, given and not left to a default. Whatever these libraries raise
becomes one line of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from acdc_custom.errors import ModelError
from acdc_custom.files.reading import shortened

Source = tuple[str, Mapping[str, Any]]  # a directory, and the GGUF file in it as `gguf_file` if it is one
NO_CODE = {"trust_remote_code": False}
EAGER = "eager"  # attention, whatever the configuration asks for: the engine has its own, and no kernel is fetched


def read_config(source: Source, name: str) -> Any:
    """A model's configuration. Raises `ModelError`."""
    from transformers import AutoConfig

    folder, options = source
    try:
        config = AutoConfig.from_pretrained(folder, **options, **NO_CODE)
        config._attn_implementation = EAGER
        return config
    except Exception as error:  # configurations, tokenizers and weights are read by libraries with errors of their own
        raise ModelError(f"the configuration of {name} could not be read: {_why(error)}") from error


def read_tokenizer(source: Source, name: str) -> Any:
    """A model's tokenizer. Raises `ModelError`."""
    from transformers import AutoTokenizer

    folder, options = source
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options, **NO_CODE)
        _ = tokenizer.bos_token_id, tokenizer.unk_token_id, tokenizer("The", add_special_tokens=True)["input_ids"]
        return tokenizer
    except Exception as error:  # see read_config; also of one that is loaded and cannot answer
        raise ModelError(f"the tokenizer of {name} could not be loaded: {_why(error)}") from error


def read_model(source: Source, config: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """A model with float32 weights, and what transformers says of the loading. Raises `ModelError`."""
    import torch
    from transformers import AutoModelForCausalLM

    folder, options = source
    if "gguf_file" not in options:
        options = {**options, "use_safetensors": True}
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # told by fit.py, in words
            output_loading_info=True,
            **options,
            **NO_CODE,
        )
    except Exception as error:  # see read_config
        raise ModelError(f"the model {name} could not be loaded: {_why(error)}") from error
    return model, loaded


def empty_model(config: Any, name: str) -> Any:
    """A model of a configuration without any numbers in it. Raises `ModelError`."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, **NO_CODE)
    except Exception as error:  # see read_config
        raise ModelError(f"the configuration of {name} could not be read: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """The cause in one line; code beside a model has a longer story in transformers' words."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "trust_remote_code" in text or "custom code" in text:
        return (
            "it comes with code of its own (auto_map), which is never run. Models whose code is part of transformers "
            "can be searched, if their class is described: see docs/models.md."
        )
    if found := re.match(r"Unrecognized configuration class .*?\.(\w+)Config'?>?", text):
        return f"transformers has no class for {found[1]} that continues a text."
    return shortened(text, 300)
