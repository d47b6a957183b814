"""Writing files that are whole or not there, whatever happens in between.

Owns how, and what is said when it cannot be done. Knows no formats.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from acdc_custom.errors import ResultError


def write_file(path: str | Path, content: str | bytes) -> Path:
    """Write a file, whole or not at all, and make its folder; gives its path. Raises `ResultError`."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise ResultError(f"{path} could not be written: {error.strerror}.") from error
    return path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file that is whole or not there, whatever happens in between. Raises `OSError`."""
    handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o666 & ~_umask())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise


def name_part(text: str, longest: int) -> str:
    """A text as part of a folder's name, in signs that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:longest]


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
