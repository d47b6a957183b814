"""What the terminal gets: whole words, no frames of bars in a file, quiet where it is wanted, and help with typos."""

from __future__ import annotations

import os
import sys

import pytest
from commands import Run

from acdc_custom.cli import COMMANDS, group
from acdc_custom.cli.terminal import fitted
from acdc_custom.progress.display import QUIET, new_bar

LONG = "Prompts    " + "many words of a sentence " * 8


def test_a_line_that_is_too_long_breaks_between_words_below_its_text() -> None:
    first, *later = fitted(LONG, 80).splitlines()
    assert first.startswith("Prompts    many") and all(
        line.startswith(" " * 11 + "w") or line.strip() for line in later
    )
    assert all(len(line) <= 80 for line in (first, *later))
    assert " ".join(fitted(LONG, 80).split()) == " ".join(LONG.split())
    assert all(line.startswith(" " * 11) for line in later)
    assert fitted("short  line\n  another", 80) == "short  line\n  another"


def test_on_a_terminal_a_run_has_no_line_that_is_too_wide_and_in_a_pipe_lines_are_whole(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = ("discover", "--task", "latest_s", "--n", "2", "--held-out", "0", "--no-roles", "--threshold", "1", "-q")
    _, piped, _ = run(*command)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, shown, _ = run(*command)
    assert max(map(len, piped.splitlines())) > 80
    lines = [line for line in piped.splitlines()[:8] if not line.startswith("Memory")]  # the machine's, now
    words = [word for line in lines for word in line.split()]
    assert {*words} <= {*shown.split()}, "no word is broken"
    assert all(
        len(line) <= 80 for line in shown.splitlines() if line.startswith(("Prompts", "Corrupted", "Task", "Model"))
    )


def test_a_quiet_command_says_nothing_about_waiting_and_the_next_one_does(run: Run) -> None:
    command = ("discover", "--task", "latest_s", "--n", "2", "--held-out", "0", "--no-roles", "--threshold", "1")
    code, out, err = run(*command, "--quiet")
    assert code == 0 and err == "" and "Circuit of latest_s" in out
    assert QUIET not in os.environ
    assert "loading ..." in run(*command)[2]


def test_quiet_in_the_environment_hides_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv(QUIET, "1")
    with new_bar(3, "Working") as bar:
        bar.update()
    assert capsys.readouterr().err == ""


def test_an_option_of_another_command_is_named_with_it(run: Run) -> None:
    code, _, err = run("discover", "--task", "ioi", "--draws", "5")
    assert code == 2 and err.count("\n") == 1
    assert "--draws is an option of: acdc-custom evaluate, acdc-custom compare." in err
    assert "is an option of" not in run("discover", "--tresh", "5")[2]
    assert "acdc-custom analyze" in run("discover", "--direction", "x")[2]


def test_every_command_that_works_for_a_while_can_be_quiet() -> None:
    import click

    context = click.Context(group)
    quiet = [name for name in COMMANDS if "--quiet" in _options(group.get_command(context, name))]
    assert {"discover", "resume", "sweep", "stability", "evaluate", "report", "analyze", "tasks"} <= {*quiet}
    assert not {"show", "draw", "models"} & {*quiet}


def _options(command: object) -> list[str]:
    below = getattr(command, "commands", {}).values()
    own = [name for option in getattr(command, "params", ()) for name in option.opts]
    return own + [name for inner in below for name in _options(inner)]
