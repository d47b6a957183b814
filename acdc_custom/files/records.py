"""One codec for every record that is written as JSON: dataclasses, enums, tuples and names, by their types.

Owns the translation in both directions, and what is said of content that does not fit. A record is an object with
exactly the names of its fields, but for those that it works out itself; an enum is its value; a set of an enum's
members is a list, in the enum's order; a value with a name (its class has `parse`) is that name. A number that is none
(nan) is null, which is read back where the field is `FloatOrNan`. A field that is `seldom` anything but its default is
left out where it is that, and need not be there. Knows no file and no record of its own.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from acdc_custom.files.reading import shortened

R = TypeVar("R")
FloatOrNan = Annotated[float, "or nan, which JSON has not"]

LARGEST = 1e100  # of any number: sums, squares and ratios of what is read stay finite
_SELDOM = "seldom"  # in the metadata of a field


def seldom(default: Any) -> Any:
    """A field of a record that files leave out where it has this default."""
    return dataclasses.field(default=default, metadata={_SELDOM: True})


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
        case frozenset():
            return [member.value for kind in {type(item) for item in value} for member in kind if member in value]
    if hasattr(type(value), "parse"):
        return str(value)
    if dataclasses.is_dataclass(value):
        named = {field: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return {
            field.name: to_plain(item)
            for field, item in named.items()
            if not (field.metadata.get(_SELDOM) and item == field.default)
        }
    return value


def from_plain(kind: type[R], content: Any, place: str = "", beside: Collection[str] = ()) -> R:
    """The inverse, by type. Raises `TypeError`, `ValueError` or `UsageError` that names the place.

    Keys of `beside` stand in a record's object and are none of its fields: they follow from these.
    """
    if beside and type(content) is dict:
        content = {name: value for name, value in content.items() if name not in beside}
    of: Any = kind
    value: R = _reader(of)(content, place)
    return value


class Parts:
    """An object of a file whose form is not that of one record, read part by part; errors name the place.

    Raises `TypeError` for what is no object, and for a part that is missing.
    """

    def __init__(self, content: Any, place: str = "") -> None:
        self.content, self.place = from_plain(dict[str, Any], content, place or "it"), place

    def read(self, name: str, kind: type[R], beside: Collection[str] = ()) -> R:
        """The part of this name. Raises as `from_plain` does."""
        return from_plain(kind, self._part(name), _inside(self.place, name), beside)

    def records(self, name: str, kind: type[R], beside: Collection[str] = ()) -> tuple[R, ...]:
        """A list of records; `beside` are of each of them."""
        place = _inside(self.place, name)
        rows = from_plain(tuple[Any, ...], self._part(name), place)
        return tuple(from_plain(kind, row, f"{place}[{number}]", beside) for number, row in enumerate(rows))

    def within(self, name: str) -> Parts:
        """An object."""
        return Parts(self._part(name), _inside(self.place, name))

    def each(self, name: str) -> list[Parts]:
        """A list of objects."""
        place = _inside(self.place, name)
        rows = from_plain(tuple[Any, ...], self._part(name), place)
        return [Parts(row, f"{place}[{number}]") for number, row in enumerate(rows)]

    def _part(self, name: str) -> Any:
        if name not in self.content:
            raise TypeError(f'{self.place or "it"} has to be an object with "{name}", which is missing')
        return self.content[name]


# -- reading, by type: each function makes one that reads a value of a type at a place -------------------------


Reader = Callable[[Any, str], Any]


@functools.cache
def _reader(kind: Any) -> Reader:
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, types.UnionType):  # X | None
        return _or_null(inner[0], None)
    if origin is Annotated:
        return _or_null(inner[0], math.nan)
    if origin in (tuple, frozenset):
        return _list(inner[0], origin)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _object(*inner)
    if kind is Any:
        return lambda content, place: content
    if hasattr(kind, "parse"):
        text = _reader(str)
        return lambda content, place: kind.parse(text(content, place))
    if dataclasses.is_dataclass(kind):
        return _record(kind)
    if issubclass(kind, Enum):
        return _enum(kind)
    return _float if kind is float else _exactly(kind)


def _exactly(kind: type) -> Reader:
    def read(content: Any, place: str) -> Any:
        if type(content) is not kind:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected {kind.__name__}")
        return content

    return read


def _float(content: Any, place: str) -> float:
    if type(content) is not float and type(content) is not int:
        raise TypeError(f"{place} is {shortened(repr(content))}, expected float")
    if abs(content) > LARGEST:
        raise ValueError(f"{place} is {shortened(repr(content))}, which is too large")
    return float(content)


def _or_null(kind: Any, null: float | None) -> Reader:
    inner = _reader(kind)
    return lambda content, place: null if content is None else inner(content, place)


def _list(kind: Any, build: Callable[[Iterator[Any]], Any]) -> Reader:
    inner = _reader(kind)

    def read(content: Any, place: str) -> Any:
        if type(content) is not list:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected a list")
        return build(inner(item, f"{place}[{number}]") for number, item in enumerate(content))

    return read


def _object(key_kind: Any, kind: Any) -> Reader:
    key, inner = _reader(key_kind), _reader(kind)

    def read(content: Any, place: str) -> Any:
        if type(content) is not dict:
            raise TypeError(f"{place} is {shortened(repr(content))}, expected an object")
        return {key(name, place): inner(item, _inside(place, shortened(name))) for name, item in content.items()}

    return read


def _record(kind: Any) -> Reader:
    hints = get_type_hints(kind, vars(sys.modules[kind.__module__]), include_extras=True)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind) if field.init}
    defaults = {field.name: field.default for field in dataclasses.fields(kind) if field.metadata.get(_SELDOM)}

    def read(content: Any, place: str) -> Any:
        if type(content) is not dict:
            raise TypeError(f"{place or 'it'} is {shortened(repr(content))}, expected an object")
        if not readers.keys() - defaults.keys() <= content.keys() <= readers.keys():
            wrong = [f'"{name}" is missing' for name in readers if name not in content and name not in defaults]
            wrong += [f'"{shortened(name)}" is none of them' for name in content if name not in readers]
            raise TypeError(f"{place or 'it'} has to be an object with {', '.join(readers)}: {wrong[0]}")
        given = {name: reader for name, reader in readers.items() if name in content}
        return kind(**{name: inner(content[name], _inside(place, name)) for name, inner in given.items()})

    return read


def _enum(kind: type[Enum]) -> Reader:
    def read(content: Any, place: str) -> Enum:
        try:
            return kind(content)
        except ValueError:
            allowed = ", ".join(str(member.value) for member in kind)
            raise ValueError(f"{place} is {shortened(repr(content))}, expected one of: {allowed}") from None

    return read


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
