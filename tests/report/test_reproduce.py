"""The command on the page is one that the program takes, and it asks for the same again."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from circuits import example_circuit

from acdc_custom.cli.discover import command as discover
from acdc_custom.report.reproduce import command


@pytest.mark.parametrize(
    ("task", "seed", "without"), [("ioi", 0, ""), ("./it's $HOME/a b.toml", 3, "a0.h2,a1.h0"), ("-x.toml", 1, "")]
)
def test_it_asks_for_every_setting(task: str, seed: int, without: str) -> None:
    settings = replace(example_circuit().settings, seed=seed, threshold=1e-05, metric="logit-diff", knock_out=without)
    program, name, *words = shlex.split(command(task, "my model", settings))
    assert (program, name) == ("acdc-custom", "discover")
    given = discover.make_context("discover", words).params
    assert (given["task"], given["model"]) == (task, "my model")
    asked = {key: value for key, value in given.items() if hasattr(settings, key)}
    assert asked == {key: getattr(settings, key) for key in asked}
    assert set(asked) == set(vars(settings))
