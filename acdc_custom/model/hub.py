"""Models of the Hugging Face hub in its local cache: what is missing there is fetched, and nothing else.

Owns the question whether the cache has all that is needed (a configuration, a tokenizer, the weights), and the
downloads. A cache that has a part, because something else was asked for before or because a download was interrupted,
is completed. Knows nothing of what is in the files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model.checkpoint import ADAPTER, CONFIG, INDEX, VOCABULARIES, WEIGHTS, what_it_is

# Beside a vocabulary, and fetched before it: a cache that has the vocabulary has these, if they are anywhere.
BESIDE_VOCABULARY = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja")
SECONDS = 10  # for one answer of the hub


class Part(Enum):
    """How much of a model is needed."""

    CONFIGURATION = "its configuration"
    TOKENIZER = "its tokenizer"
    WHOLE = "its weights"


def hub_directory(name: str, part: Part, instead: str, say: Callable[[str], None]) -> Path:
    """The directory of the local cache in which so much of a model is, after fetching what is not there yet.

    `instead` says what can be used without a hub. Raises `UsageError` for a name that is none, `ModelError` where
    something is missing and cannot be fetched, naming it.
    """
    folder = _cached(name, instead)
    missing = _missing(folder, part)
    if folder is not None and not missing:
        return folder
    try:
        files = _files_of(name, instead)
        wanted = list(_wanted(name, files, part))
        return _fetch(name, wanted, say)
    except _NotReached as error:
        raise ModelError(_unreachable(name, folder, missing, str(error), instead)) from error


class _NotReached(Exception):
    """The hub gave no answer, or broke off."""


def _cached(name: str, instead: str) -> Path | None:
    """The snapshot of the local cache, complete or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise UsageError(f"--model {name}: this cannot be a model's name.{instead}") from error


def _missing(folder: Path | None, part: Part) -> list[str]:
    """What a snapshot lacks, in the order in which it is fetched."""
    if folder is None:
        return [CONFIG]
    missing = []
    if part is not Part.CONFIGURATION and not any(all((folder / f).is_file() for f in files) for files in VOCABULARIES):
        missing.append(VOCABULARIES[0][0])
    if not (folder / CONFIG).is_file():
        missing.append(CONFIG)
    if part is Part.WHOLE and not (folder / WEIGHTS).is_file():
        missing += [f for f in _shards(folder) or [WEIGHTS] if not (folder / f).is_file()]
    return missing


def _shards(folder: Path) -> list[str]:
    """The files that an index names; none where there is no index."""
    try:
        return sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _files_of(name: str, instead: str) -> dict[str, int]:
    """One quick question to the hub, so that its absence is told in seconds: the model's files and their sizes."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = HfApi().model_info(name, timeout=SECONDS, files_metadata=True)
    except GatedRepoError as error:
        raise ModelError(_gated(name)) from error
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"--model {name}: the hub has no model of this name, or shows it only to its owners "
            f"(then log in with hf auth login).{instead}"
        ) from error
    except Exception as error:  # the hub client's transport has errors of its own, other ones in each version
        raise _NotReached(_first_line(error)) from error
    return {file.rfilename: file.size or 0 for file in info.siblings or ()}


def _wanted(name: str, files: dict[str, int], part: Part) -> Iterator[tuple[str, int]]:
    """The files to have, those that show that a part is whole at its end."""
    names: list[str] = []
    if part is not Part.CONFIGURATION:
        names += [file for file in BESIDE_VOCABULARY if file in files]
        names += [file for vocabulary in VOCABULARIES[::-1] for file in vocabulary if file in files]
    if CONFIG not in files:
        raise ModelError(f"{name} on the hub has no {CONFIG}. {what_it_is(sorted(files))}")
    names.append(CONFIG)
    if part is Part.WHOLE:
        if ADAPTER in files:
            names.append(ADAPTER)
        if WEIGHTS in files:
            names.append(WEIGHTS)
        elif INDEX in files:
            names += [INDEX, *(file for file in sorted(files) if file.endswith(".safetensors") and "/" not in file)]
        else:
            raise ModelError(f"{name} on the hub has no {WEIGHTS}. {what_it_is(sorted(files))}")
    return ((file, files[file]) for file in names)


def _fetch(name: str, wanted: Sequence[tuple[str, int]], say: Callable[[str], None]) -> Path:
    """All of these files in one snapshot. What is there already is not fetched again."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    megabytes = sum(size for _, size in wanted) / 1e6
    say(f"Fetching {name} from the Hugging Face hub: {megabytes:,.0f} MB, without what the local cache has")
    shards: list[str] = []
    for _ in range(3):
        found: list[Path] = []
        for file, _ in wanted:
            if shards and file.endswith(".safetensors") and file not in shards:
                continue  # weights in another form, beside those that the index names
            try:
                found.append(Path(hf_hub_download(name, file, etag_timeout=SECONDS)))
            except GatedRepoError as error:
                raise ModelError(_gated(name)) from error
            except Exception as error:  # see _files_of
                raise _NotReached(f"{file}: {_first_line(error)}") from error
            if file == INDEX:
                shards = _shards(found[-1].parent)
        if len({path.parent for path in found}) == 1:
            return found[0].parent
        # The model on the hub was changed meanwhile: another round has all files of the new state.
    raise _NotReached("the model on the hub is being changed")


def _gated(name: str) -> str:
    return (
        f"the hub gives {name} only to those who have accepted its terms. Accept them on the model's page "
        f"(https://huggingface.co/{name}), then log in here with hf auth login."
    )


def _unreachable(name: str, folder: Path | None, missing: Sequence[str], why: str, instead: str) -> str:
    if folder is None:
        return f'"{name}" is not in the local cache and the Hugging Face hub cannot be reached ({why}).{instead}'
    return (
        f"the local cache has only a part of {name}, {missing[0]} is missing, and the Hugging Face hub cannot be "
        f"reached ({why}). Give the command again when it can be: it goes on from what is there. Or fetch the "
        f"model where there is a network: hf download {name}."
    )


def _first_line(error: Any) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
