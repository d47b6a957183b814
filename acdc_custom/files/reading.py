"""Reading what anyone may have written: files that may be anything, and JSON that means what it says.

Owns what is refused of every file, whatever is in it. Knows no formats.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from acdc_custom.errors import ResultError, UsageError

R = TypeVar("R")

LONGEST_NUMBER = 300  # digits of a whole number: as a float it is still finite


def read_regular(path: Path) -> bytes:
    """A file's bytes. Raises `OSError`; for a pipe or a device, too, which might never end."""
    try:
        mode = path.stat().st_mode
    except ValueError:  # a NUL
        raise OSError(errno.EINVAL, "no file can have this name") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    return path.read_bytes()


def file_in(where: str | Path, name: str) -> Path:
    """The file of this name in a folder; what is no folder is that file itself."""
    return Path(where, name) if os.path.isdir(where) else Path(where)


def read_record(path: Path, schema: int, make_it: str, read: Callable[[dict[str, Any]], R]) -> R:
    """What `read` makes of a JSON file of ours, of a schema up to this one; it is given the content without that.

    `make_it` says how the file comes about. Raises `ResultError` saying what is wrong with the file; `read` may raise
    `KeyError`, `TypeError`, `ValueError`, `AttributeError` or `UsageError`.
    """
    try:
        content = parse_json(read_regular(path).decode())
        found = content.pop("schema", None) if isinstance(content, dict) else None
        if type(found) is not int or found < 1:
            raise ValueError('it has no "schema"')
        if found > schema:
            raise ResultError(f"{path} was written by a newer acdc-custom (schema {found}). Update acdc-custom.")
        return read(content)
    except FileNotFoundError:
        raise ResultError(f"there is no {path}. {make_it}") from None
    except OSError as error:
        raise ResultError(f"{path} could not be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        raise ResultError(f"{path} is damaged: it is no whole JSON file ({error}). {make_it}") from error
    except KeyError as error:
        raise ResultError(f"{path} is damaged: {error} is missing. {make_it}") from error
    except (TypeError, ValueError, AttributeError, UsageError) as error:
        raise ResultError(f"{path} is damaged: {str(error).removesuffix('.')}. {make_it}") from error


def parse_json(text: str) -> Any:
    """A JSON value without numbers that are none, keys given twice, or characters that no text can hold.

    Raises `ValueError` saying what is wrong.
    """
    try:
        value = json.loads(
            text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError("lists and objects are nested too deeply") from None
    if "\\u" in text:
        _check_characters(value)
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number that JSON has; only finite numbers are allowed")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {shortened(text)} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"the number {shortened(text)} is too large")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'the key "{shortened(twice)}" is there twice')
    return content


def _check_characters(value: Any) -> None:
    """Escapes can write half a character (U+D800 to U+DFFF), which no file and no tokenizer takes."""
    match value:
        case str():
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise ValueError(f"{shortened(ascii(value))} holds half a character, which is not text")
        case list():
            for item in value:
                _check_characters(item)
        case dict():
            for key, item in value.items():
                _check_characters(key)
                _check_characters(item)


def shortened(text: str, longest: int = 80) -> str:
    """A text for a message, cut off where it gets too long."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def described(given: Any) -> str:
    """Something of a wrong type, for a message: `5 (int)`."""
    return f"{shortened(' '.join(repr(given).split()), 60)} ({type(given).__name__})"


def printable(text: str) -> str:
    """A text for a terminal: on one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
