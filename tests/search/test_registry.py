"""Every module of the methods is in the registry, the default first, and each can be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from acdc_custom.choices import DEFAULT_METHOD
from acdc_custom.errors import UsageError
from acdc_custom.search import methods as room
from acdc_custom.search.method import DecidingMethod, ScoringMethod
from acdc_custom.search.registry import (
    deciding_methods,
    method_named,
    methods,
    scoring_method,
    scoring_methods,
    title_of,
)


def test_there_is_one_method_for_each_module_and_no_name_or_title_is_there_twice() -> None:
    modules = [path.stem for path in Path(room.__path__[0]).glob("*.py") if path.stem != "__init__"]
    assert len(methods()) == len(modules)
    for of in ("name", "title"):
        assert len({getattr(method, of) for method in methods()}) == len(modules)


def test_the_default_is_first_and_those_that_decide_come_before_those_that_score() -> None:
    assert methods()[0].name == DEFAULT_METHOD
    assert methods() == (*deciding_methods(), *scoring_methods())
    assert all(isinstance(method, DecidingMethod) for method in deciding_methods())
    assert all(isinstance(method, ScoringMethod) for method in scoring_methods())


def test_a_method_is_found_by_its_name_and_printed_by_its_title() -> None:
    for method in methods():
        assert method_named(method.name) is method and title_of(method.name) == method.title
        assert method.about and not method.about.endswith(".") and method.source
    assert title_of("of a newer version") == "of a newer version"


def test_a_name_that_is_none_is_refused_with_the_names_there_are() -> None:
    for find in (method_named, scoring_method):
        with pytest.raises(UsageError, match=r'there is no method "eapp"\. Did you mean "eap"\? There are: ') as error:
            find("eapp")
        assert all(method.name in str(error.value) for method in methods())


def test_a_method_that_decides_is_refused_where_scores_are_needed() -> None:
    assert all(scoring_method(method.name) is method for method in scoring_methods())
    with pytest.raises(UsageError, match=f"{DEFAULT_METHOD} decides edges, and does not score them. Methods that do"):
        scoring_method(DEFAULT_METHOD)
