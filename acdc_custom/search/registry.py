"""All search methods, by name: whatever module of `search/methods/` has a `METHOD`.

A new method is a new module there; no list has to be changed. Imports no torch.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from acdc_custom.choices import DEFAULT_METHOD
from acdc_custom.errors import UsageError, did_you_mean
from acdc_custom.search import methods as room
from acdc_custom.search.method import DecidingMethod, ScoringMethod, SearchMethod


@cache
def methods() -> tuple[SearchMethod, ...]:
    """All of them: the default, then the others that decide edges, then those that score edges, by name."""
    found: list[SearchMethod] = [
        import_module(f"{room.__name__}.{module.name}").METHOD for module in iter_modules(room.__path__)
    ]
    return tuple(sorted(found, key=lambda m: (m.name != DEFAULT_METHOD, isinstance(m, ScoringMethod), m.name)))


def scoring_methods() -> tuple[ScoringMethod, ...]:
    """Those that score edges."""
    return tuple(method for method in methods() if isinstance(method, ScoringMethod))


def deciding_methods() -> tuple[DecidingMethod, ...]:
    """Those that decide edges by a threshold."""
    return tuple(method for method in methods() if isinstance(method, DecidingMethod))


def scoring_method(name: str) -> ScoringMethod:
    """The scoring method of a name. Raises `UsageError`."""
    method = method_named(name)
    if not isinstance(method, ScoringMethod):
        names = ", ".join(method.name for method in scoring_methods())
        raise UsageError(f"{name} decides edges, and does not score them. Methods that do: {names}.")
    return method


def title_of(name: str) -> str:
    """How a method is printed; the name itself of one that is not known here, as in the file of a newer version."""
    return next((method.title for method in methods() if method.name == name), name)


def method_named(name: str) -> SearchMethod:
    """The method of a name. Raises `UsageError`."""
    known = {method.name: method for method in methods()}
    if name not in known:
        raise UsageError(f'there is no method "{name}".{did_you_mean(name, known)} There are: {", ".join(known)}.')
    return known[name]
