"""A small language for what a transformer computes, in the manner of RASP (Weiss et al. 2021, arXiv 2106.06981).

A variable has a value at every place of the prompt. Owns the forms of variables; what each becomes in a transformer is
the compiler's business (Lindner et al. 2023, arXiv 2301.05062). Two differences from RASP: attention is causal, so that
a selection is of places up to one's own; and an empty selection is of all of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Value = Any  # a word, a place, a length: whatever a program reckons with


@dataclass(frozen=True, eq=False)
class Variable:
    """Something that has a value at every place. `values` are all that it can have; a number has none listed."""

    name: str
    values: tuple[Value, ...]

    @property
    def width(self) -> int:
        """How many numbers of the residual stream hold it: one per value, of which one is 1; a number is itself."""
        return len(self.values) or 1

    @property
    def needs(self) -> tuple[Variable, ...]:
        """The variables that it is made from."""
        return ()


class Tokens(Variable):
    """The token that stands there."""


class Places(Variable):
    """The position, from 0."""


@dataclass(frozen=True, eq=False)
class Select:
    """For every place, the places up to it whose key goes with its query. With `query` None: goes with any."""

    query: Variable | None
    key: Variable
    test: Callable[[Value, Value], bool]  # of a query's value, or None, and a key's value


@dataclass(frozen=True, eq=False)
class Aggregate(Variable):
    """The mean over the selected places, by a head: of `number` of the value there, or of the values themselves."""

    select: Select
    of: Variable
    number: Callable[[Value], float] | None = None

    @property
    def needs(self) -> tuple[Variable, ...]:
        query = () if self.select.query is None else (self.select.query,)
        return (*query, self.select.key, self.of)


@dataclass(frozen=True, eq=False)
class Map(Variable):
    """A function of the values of other variables at the same place, by an MLP. It gives a value, or a number."""

    of: tuple[Variable, ...]
    function: Callable[..., Value]

    @property
    def needs(self) -> tuple[Variable, ...]:
        return self.of


@dataclass(frozen=True, eq=False)
class Nearest(Variable):
    """The value whose number is nearest to a variable's, by an MLP."""

    of: Variable
    numbers: Mapping[Value, float]

    @property
    def needs(self) -> tuple[Variable, ...]:
        return (self.of,)
