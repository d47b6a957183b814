"""One codec for every record that is written as JSON: dataclasses, enums, tuples and names, by their types.

Owns the translation in both directions, and what is said of content that does not fit. A record is an object with
exactly the names of its fields; an enum is its value; a value with a name (its class has `parse`) is that name.
Whatever `to_plain` writes, `from_plain` reads back exactly. Knows no file and no record of its own.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from acdc_custom.files.reading import shortened

R = TypeVar("R")

LARGEST = 1e300  # of any number: sums and ratios of what is read stay finite


def to_json(schema: int, content: Mapping[str, Any]) -> str:
    """The text of a versioned file: the schema, then `content` (records are translated)."""
    plain = {"schema": schema, **{key: to_plain(value) for key, value in content.items()}}
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_plain(value: Any) -> Any:
    """A record, or anything that records are made of, as JSON has it; a number that is none is null."""
    match value:
        case Enum():
            return value.value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {to_plain(key): to_plain(item) for key, item in value.items()}
        case tuple() | list():
            return [to_plain(item) for item in value]
    if hasattr(type(value), "parse"):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


def from_plain(kind: type[R], content: Any, place: str = "") -> R:
    """The inverse, by type. Raises `TypeError`, `ValueError` or `UsageError` that names the place."""
    value: R = _read(kind, content, place)
    return value


def _read(kind: Any, content: Any, place: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, types.UnionType):  # X | None
        return None if content is None else _read(inner[0], content, place)
    if origin is tuple:
        if type(content) is not list:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected a list")
        return tuple(_read(inner[0], item, f"{place}[{number}]") for number, item in enumerate(content))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if type(content) is not dict:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected an object")
        return {_read(inner[0], key, place): _read(inner[1], item, f"{place}.{key}") for key, item in content.items()}
    if kind is Any:
        return content
    if hasattr(kind, "parse"):
        return kind.parse(_read(str, content, place))
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, content, place)
    if issubclass(kind, Enum):
        return _read_enum(kind, content, place)
    if type(content) is not kind and not (kind is float and type(content) is int):
        raise TypeError(f"{place} is {shortened(repr(content))}, expected {kind.__name__}")
    if kind is float and abs(content) > LARGEST:
        raise ValueError(f"{place} is {shortened(repr(content))}, which is too large")
    return content


def _read_record(kind: Any, content: Any, place: str) -> Any:
    hints = _hints(kind)
    if type(content) is not dict:
        raise TypeError(f"{place or 'the file'} is {shortened(repr(content))}, expected an object")
    if set(content) != set(hints):
        found = shortened(", ".join(sorted(content))) or "nothing"
        raise TypeError(f"{place or 'the file'} has to be an object with {', '.join(hints)}; found {found}")
    return kind(**{name: _read(hint, content[name], f"{place}.{name}".strip(".")) for name, hint in hints.items()})


def _read_enum(kind: type[Enum], content: Any, place: str) -> Enum:
    try:
        return kind(content)
    except ValueError:
        allowed = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{place} is {shortened(repr(content))}, expected one of: {allowed}") from None


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    """The fields of a record, with their types."""
    hints = get_type_hints(kind, vars(sys.modules[kind.__module__]))
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
