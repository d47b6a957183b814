"""What lies in a model's directory, before any library reads it.

Owns the questions that files alone answer: are they all there, are they what their names say, which tensors are
stored and how. What is wrong is told with its cause: a pickle, a pointer of Git LFS, an adapter without its model, a
quantised checkpoint. Knows nothing of architectures, and nothing of how models are loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from acdc_custom.errors import ModelError, UsageError

WEIGHTS, INDEX, CONFIG, ADAPTER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "adapter_config.json",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")
# A tokenizer's vocabulary: any one of these sets of files.
VOCABULARIES = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("vocab.json", "merges.txt"),
    ("vocab.txt",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("tekken.json",),
)
WITHOUT_VOCABULARY = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")  # bytes or code points: no file
POINTER = b"version https://git-lfs"
PLAIN = ("F64", "F32", "F16", "BF16")  # numbers that mean what they say
LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as its file describes it."""

    dtype: str  # in safetensors' names: F32, BF16, I8, ...
    shape: tuple[int, ...]


def check_directory(folder: Path, name: str) -> None:
    """See that a directory can hold a model, weights and tokenizer. `name` is what the user called it.

    Raises `UsageError` for one that is no model's, `ModelError` for one whose files cannot be used.
    """
    check_configuration(folder, name)
    check_tokenizer(folder, name)
    _check_weights(folder, name)


def check_configuration(folder: Path, name: str) -> None:
    """See that the configuration is one of a model that can be looked at at all."""
    _check_pointers(folder, name, ("*.json",))
    if not (folder / CONFIG).is_file():
        raise UsageError(f"--model {name}: no {CONFIG} in it. {_instead(folder)}")
    content = _object(folder / CONFIG)
    if content.get("is_encoder_decoder") is True:
        raise ModelError(
            f"{name} is an encoder-decoder ({_class_in(content)}). Circuits are found in models that continue a text: "
            "decoders alone, such as GPT-2, Llama or Gemma."
        )
    if quantization := content.get("quantization_config") or content.get("compression_config"):
        method = quantization.get("quant_method", "a method without a name") if isinstance(quantization, dict) else ""
        raise ModelError(
            f"the weights of {name} are quantised ({method}, by the key quantization_config of its {CONFIG}). {_PLAIN}"
        )


_PLAIN = (
    "Circuits are computed with plain floating-point weights: float32, bfloat16 or float16. Use the model from which "
    "it was made, or dequantise it and save it again with save_pretrained."
)


def check_tokenizer(folder: Path, name: str) -> None:
    """See that there is a tokenizer, and that its files are files."""
    _check_pointers(folder, name, ("*.json", "*.model", "*.txt"))
    if any(all((folder / file).is_file() for file in files) for files in VOCABULARIES):
        return
    if _object(folder / "tokenizer_config.json").get("tokenizer_class") in WITHOUT_VOCABULARY:
        return
    raise ModelError(
        f"there is no tokenizer in {name}: a tokenizer.json, for example. Save the one that the model was trained with "
        'into the same folder: AutoTokenizer.from_pretrained("BASE_MODEL").save_pretrained("FOLDER").'
    )


def stored_tensors(folder: Path, name: str) -> dict[str, StoredTensor]:
    """Every tensor of the weights' files by its name, from the files' headers alone. Raises `ModelError`."""
    found: dict[str, StoredTensor] = {}
    for path in weight_files(folder):
        try:
            found |= _header(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(
                f"the weights of {name} could not be loaded: {path.name} is no safetensors file, or is cut off "
                f"({type(error).__name__}). Copy or download it again."
            ) from error
    return found


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, there or not: one, or those that an index names."""
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [folder / WEIGHTS]
    named = _object(folder / INDEX).get("weight_map")
    files = sorted({str(file) for file in named.values()}) if isinstance(named, dict) else []
    return [folder / Path(file).name for file in files]


def check_stored(stored: Mapping[str, StoredTensor], name: str) -> None:
    """See that weights are plain numbers. Raises `ModelError` that names one that is not."""
    for tensor, it in sorted(stored.items()):
        if it.dtype not in PLAIN and not _is_no_weight(tensor, it):
            raise ModelError(
                f"the weights of {name} are quantised: {tensor} is stored as {_dtype_name(it.dtype)}, whose numbers "
                f"mean something with their scales only. {_PLAIN}"
            )


def precision_of(stored: Mapping[str, StoredTensor]) -> str:
    """In which precision most of the numbers are stored, as torch calls it: "bfloat16"."""
    numbers: dict[str, int] = {}
    for it in stored.values():
        numbers[it.dtype] = numbers.get(it.dtype, 0) + prod(it.shape)
    return _dtype_name(max(numbers, key=lambda dtype: numbers[dtype], default="F32"))


def _is_no_weight(tensor: str, it: StoredTensor) -> bool:
    """Masks and numbers of positions are whole numbers by their nature."""
    return (
        it.dtype in ("BOOL", "U8", "I64") and re.search(r"(^|\.)(bias|masked_bias|position_ids)$", tensor) is not None
    )


def _dtype_name(dtype: str) -> str:
    kinds = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint"}
    found = re.fullmatch(r"(BF|F|I|U)(\d+)(_.*)?", dtype)
    return f"{kinds[found[1]]}{found[2]}{(found[3] or '').lower()}" if found else dtype.lower()


def _header(path: Path) -> dict[str, StoredTensor]:
    """What a safetensors file says of its tensors: eight bytes with a length, and so much JSON."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise ValueError("no header")
        content = json.loads(file.read(length))
    content.pop("__metadata__", None)
    end = max((int(it["data_offsets"][1]) for it in content.values()), default=0)
    if 8 + length + end > size:
        raise ValueError("cut off")
    return {key: StoredTensor(str(it["dtype"]), tuple(map(int, it["shape"]))) for key, it in content.items()}


def _check_weights(folder: Path, name: str) -> None:
    if (folder / ADAPTER).is_file():
        raise ModelError(
            f"{name} holds an adapter ({ADAPTER}) beside a model, and which of the two is meant is not known. "
            f"{_merge(_base_of(folder))}"
        )
    _check_pointers(folder, name, ("*.safetensors",))
    files = weight_files(folder)
    if missing := [path.name for path in files if not path.is_file()]:
        if files == [folder / WEIGHTS]:
            raise ModelError(f"there are no weights in {name}: no {WEIGHTS}. {_instead(folder)}")
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ModelError(f"weights of {name} are missing: {INDEX} names {missing[0]}{more}. Copy or download it again.")
    if not files:
        raise ModelError(f"the weights of {name} could not be loaded: {INDEX} names no files.")


def what_it_is(names: Sequence[str], adapter_of: str = "") -> str:
    """What there is instead of a model that can be loaded, by the names of its files, and what to do with it."""
    if ADAPTER in names:
        return f"It is a PEFT adapter. {_merge(adapter_of)}"
    if ggufs := [name for name in names if name.endswith(".gguf")]:
        return f"It has {ggufs[0]}: give that file itself, --model FOLDER/{ggufs[0]}."
    if pickles := [name for name in names if name.endswith(PICKLES)]:
        return pickle_advice(pickles[0])
    if any(name.endswith(".safetensors") for name in names):
        return f"The weights have to be called {WEIGHTS}, or be named by a {INDEX}."
    return f"A Hugging Face model directory has {CONFIG}, {WEIGHTS} and tokenizer.json."


def pickle_advice(pickle: str) -> str:
    """Why pickles are not read, and how to convert one."""
    return (
        f"There is {pickle}, which is not read: files of this kind can run code when they are opened. If you trust it, "
        'convert it once: AutoModelForCausalLM.from_pretrained("FOLDER", use_safetensors=False).save_pretrained("NEW").'
    )


def _instead(folder: Path) -> str:
    return what_it_is(sorted(path.name for path in folder.iterdir()), _base_of(folder))


def _base_of(folder: Path) -> str:
    """The model that an adapter is for; empty if it does not say."""
    base = _object(folder / ADAPTER).get("base_model_name_or_path")
    return base if isinstance(base, str) else ""


def _merge(base: str) -> str:
    of = f" {base}" if base else ""
    return (
        f"An adapter has to be merged into its model{of} first: with the package peft, "
        'AutoPeftModelForCausalLM.from_pretrained("ADAPTER").merge_and_unload().save_pretrained("NEW"); '
        "then save the tokenizer there, too."
    )


def _check_pointers(folder: Path, name: str, patterns: Sequence[str]) -> None:
    """Refuse files that stand for other ones, as Git leaves them where LFS is not installed."""
    for path in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
        try:
            with path.open("rb") as file:
                beginning = file.read(len(POINTER))
        except OSError as error:
            raise ModelError(f"{path.name} of {name} cannot be read: {error.strerror}.") from error
        if beginning == POINTER:
            raise ModelError(
                f"{path.name} of {name} is a pointer of Git LFS, not the file itself. Fetch the files with "
                "git lfs install and git lfs pull, or download them with hf download."
            )


def _object(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty where there is none: the libraries say what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _class_in(content: Mapping[str, Any]) -> str:
    classes = content.get("architectures")
    return str(next(iter(classes), "no class named")) if isinstance(classes, list) else str(content.get("model_type"))
