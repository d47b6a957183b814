"""The command on the page is one that the program takes, and it asks for the same again."""

from __future__ import annotations

import shlex

import pytest
from circuits import example_circuit

from acdc_custom.circuit.commands import command, evaluate_command, stability_command
from acdc_custom.cli.discover import command as discover
from acdc_custom.cli.evaluate import command as evaluate
from acdc_custom.cli.stability import command as stability


@pytest.mark.parametrize(
    ("task", "seed", "without"), [("ioi", 0, ""), ("./it's $HOME/a b.toml", 3, "a0.h2,a1.h0"), ("-x.toml", 1, "")]
)
def test_it_asks_for_every_setting(task: str, seed: int, without: str) -> None:
    settings = example_circuit().settings.with_(seed=seed, threshold=1e-05, metric="logit-diff", knock_out=without)
    program, name, *words = shlex.split(command(task, "my model", settings))
    assert (program, name) == ("acdc-custom", "discover")
    given = discover.make_context("discover", words).params
    assert (given["task"], given["model"]) == (task, "my model")
    flat = settings.flat()
    assert {key: given[key] for key in flat} == flat


def test_of_a_method_that_scores_edges_it_asks_for_as_many() -> None:
    settings = example_circuit().settings.with_(method="eap-ig", threshold=None, edges=200, ranking="signed")
    for text, asking in (
        (command("ioi", "my model", settings), discover),
        (stability_command("ioi", "my model", settings), stability),
    ):
        _, name, *words = shlex.split(text)
        given = asking.make_context(name, words).params
        assert (given["method"], given["edges"], given["ranking"], given["threshold"]) == (
            "eap-ig",
            200,
            "signed",
            None,
        )


def test_the_study_of_stability_asks_for_the_same_but_for_what_it_varies() -> None:
    settings = example_circuit().settings.with_(seed=3, knock_out="a0.h2", templates="1", resample=7, order="random")
    program, name, *words = shlex.split(stability_command("./it's.toml", "my model", settings))
    assert (program, name) == ("acdc-custom", "stability")
    given = stability.make_context("stability", words).params
    assert (given["task"], given["model"]) == ("./it's.toml", "my model")
    flat = settings.flat()
    assert {key: given[key] for key in flat if key in given} == {key: flat[key] for key in flat if key in given}
    assert set(flat) - set(given) == {
        "templates", "resample", "held_out", "order", "order_seed", "window", "start", "refine",
    }  # fmt: skip


@pytest.mark.parametrize("folder", ["results/it's mine", "--out"])
def test_the_evaluation_is_of_the_folder(folder: str) -> None:
    program, name, *words = shlex.split(evaluate_command(folder))
    assert (program, name) == ("acdc-custom", "evaluate")
    assert str(evaluate.make_context("evaluate", words).params["folder"]) == folder
