"""Reading typed values out of a TOML table, with one kind of error message.

Owns the shape of every complaint about a task file: file, key, what is wrong, an example. Knows
nothing of what the keys mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from acdc_custom.errors import TaskError, did_you_mean

T = TypeVar("T")

_KINDS: Mapping[type, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
    dict: "a table",
}


class Table:
    """One table of a task file: typed access, and errors that say where."""

    def __init__(
        self,
        file: str,
        name: str,
        values: Mapping[str, Any],
        examples: Mapping[str, str],
        errors: list[TaskError] | None = None,
    ) -> None:
        self.file = file
        self.name = name  # "" for the file itself
        self.values = values
        self.examples = examples  # key -> a line that would be right; "*" for any key
        self.errors = [] if errors is None else errors  # gathered so far, in all tables of the file

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise the error about a key, with an example where there is one."""
        example = self.examples.get(key, self.examples.get("*"))
        raise TaskError(f"{self.file}: {self._path(key)}: {problem}", example or "")

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Keep the error of what is done within, if there is one, so that the rest of the file is read as well."""
        try:
            yield
        except TaskError as error:
            self.errors.append(error)

    def stop(self) -> None:
        """Raise what has been gathered, if anything has: the first error, which knows of the others."""
        if self.errors:
            first, *more = self.errors
            raise TaskError(first.what, first.example, more)

    def only(self, allowed: Iterable[str]) -> None:
        """Refuse every key that is not one of these; gathers."""
        allowed = tuple(allowed)
        for key in self.values:
            if key not in allowed:
                with self.gather():
                    self.fail(
                        key, f"unknown key.{did_you_mean(key, allowed)} Allowed here: {', '.join(sorted(allowed))}"
                    )

    def need(self, key: str, kind: type[T]) -> T:
        """The value of a key that has to be there."""
        if key not in self.values:
            self.fail(key, "this key is missing")
        value = self.values[key]
        if type(value) is not kind:
            self.fail(key, f"has to be {_KINDS[kind]}, not {shown(value)}")
        return value

    def get(self, key: str, default: T) -> T:
        """The value of a key, or a default of the same type."""
        return self.need(key, type(default)) if key in self.values else default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, at least one."""
        values = self.need(key, list)
        if not values:
            self.fail(key, "the list is empty")
        for value in values:
            if type(value) is not str:
                self.fail(key, f"has to be a list of texts in quotes; {shown(value)} is none")
        return tuple(values)

    def table(self, key: str, examples: Mapping[str, str]) -> Table:
        """A table inside this one."""
        return Table(self.file, self._path(key), self.need(key, dict), examples, self.errors)

    def checked(self, key: str, parse: Callable[[], T]) -> T:
        """Turn a ValueError of the pattern language into an error about this key."""
        try:
            return parse()
        except ValueError as error:
            self.fail(key, str(error))

    def _path(self, key: str) -> str:
        shown = f'"{key}"' if set(key) & set(".#+ ") else key
        return f"{self.name}.{shown}" if self.name else shown


def shown(value: object) -> str:
    """A value as TOML writes it, more or less, and not too long; no list and no table, which may be very deep."""
    if isinstance(value, (list, dict)):
        return _KINDS[type(value)]
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= 60 else text[:57] + "..."
