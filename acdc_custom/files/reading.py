"""Reading what anyone may have written: files that may be anything, JSON that means what it says, records of it.

Owns what is refused of every file, whatever is in it. Knows no formats.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from acdc_custom.errors import ResultError, UsageError

T = TypeVar("T", list[Any], dict[str, Any])
R = TypeVar("R")

LONGEST_NUMBER = 300  # digits of a whole number: as a float it is still finite

# What a field may be, by the type that its dataclass gives it.
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "str": lambda value: type(value) is str,
    "bool": lambda value: type(value) is bool,
    "str | None": lambda value: value is None or type(value) is str,
    "int | None": lambda value: value is None or type(value) is int,
    "float | None": lambda value: value is None or type(value) in (int, float),
    "Mapping[str, float]": lambda value: type(value) is dict and all(type(v) in (int, float) for v in value.values()),
    "Mapping[str, int]": lambda value: type(value) is dict and all(type(v) is int for v in value.values()),
    "Mapping[str, str]": lambda value: type(value) is dict and all(type(v) is str for v in value.values()),
}


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


def part(content: dict[str, Any], name: str, kind: type[T]) -> T:
    """A list or an object within a JSON object. Raises `KeyError` or `TypeError` if it is not there."""
    value = content[name]
    if type(value) is not kind:
        expected = "a list" if kind is list else "an object"
        raise TypeError(f"{name} is {shortened(repr(value))}, expected {expected}")
    return value


def record(kind: Any, content: Any, **read: Any) -> Any:
    """A dataclass from a JSON object with exactly its fields, each of its type; `read` gives those read already.

    Raises `TypeError` saying what is wrong.
    """
    kinds = {f.name: str(f.type) for f in fields(kind) if f.name not in read}
    return kind(**checked(content, kinds), **read)


def checked(content: Any, kinds: Mapping[str, str]) -> dict[str, Any]:
    """A JSON object, if it has exactly these keys, each with a value of its kind. Raises `TypeError`."""
    if type(content) is not dict or set(content) != set(kinds):
        given = ", ".join(sorted(content)) if type(content) is dict else type(content).__name__
        raise TypeError(f"expected an object with {', '.join(sorted(kinds))}, found {shortened(given) or 'nothing'}")
    for name, kind in kinds.items():
        if not _KINDS[kind](content[name]):
            raise TypeError(f"{name} is {shortened(repr(content[name]))}, expected {kind}")
    return content


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


def printable(text: str) -> str:
    """A text for a terminal: on one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
