"""A GGUF model's weights as safetensors, made from its file once and kept: beside it, or where one says.

Owns the cache: a Hugging Face directory with a record of what it was made from, by which version, and of every file's
checksum. It is there whole or not at all. One that is damaged, of another GGUF file or of another version is made anew.
Processes that need it at the same time wait for the one that makes it. Knows no model: `make` does the conversion.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

SCHEMA = 1
FOLDER, RECORD, LOCK, SCRATCH = "converted", "converted.json", ".converting", ".converted."


def converted(gguf: Path, make: Callable[[Path], object], where: Path | None = None) -> Path:
    """The directory with the converted model; `make` fills a new one if there is none to be used.

    It is kept in `where`, which may not be there yet; None: beside the file. Raises `OSError` where it cannot be
    written.
    """
    home = where or gguf.parent
    folder = home / FOLDER
    from filelock import FileLock

    if _usable(folder, gguf):
        return folder
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / LOCK):
        if not _usable(folder, gguf):  # nobody has made it while this process waited
            for left_over in folder.parent.glob(f"{SCRATCH}*"):  # by a process that was killed
                shutil.rmtree(left_over, ignore_errors=True)
            _replace(folder, gguf, make)
    return folder


def _replace(folder: Path, gguf: Path, make: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder.parent) as scratch:
        made = Path(scratch) / "new"
        made.mkdir()
        make(made)
        files = {path.name: _checksum(path) for path in sorted(made.iterdir())}
        (made / RECORD).write_text(json.dumps(_origin(gguf) | {"files": files}, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        made.rename(folder)


def _usable(folder: Path, gguf: Path) -> bool:
    """Whether it is whole, and what this version would make of this file."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = record.pop("files")
        return record == _origin(gguf) and all(_checksum(folder / name) == known for name, known in files.items())
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return False


def _origin(gguf: Path) -> dict[str, Any]:
    """What a conversion depends on."""
    state = gguf.stat()
    return {
        "schema": SCHEMA,
        "transformers": version("transformers"),
        "gguf": gguf.name,
        "bytes": state.st_size,
        "modified_ns": state.st_mtime_ns,
    }


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
