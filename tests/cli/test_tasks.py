"""`acdc-custom tasks`: from nothing to a task that can be searched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from acdc_custom.cli import main
from acdc_custom.cli.tasks import _echo
from acdc_custom.model.catalogue import BUNDLED
from acdc_custom.task import load_task

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder; gives exit code, output and error output."""
    monkeypatch.chdir(tmp_path)

    def command(*args: str) -> tuple[int, str, str]:
        try:
            main(list(args))
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def change(old: str, new: str) -> None:
    text = Path("mine.toml").read_text()
    assert old in text
    Path("mine.toml").write_text(text.replace(old, new))


def test_the_bare_command_lists_as_list_does(run: Run) -> None:
    assert run("tasks") == run("tasks", "list")
    assert run("tasks")[1].splitlines()[0].split()[:3] == ["antonyms", "Complete", "with"]


def test_a_new_task_can_be_shown_checked_and_searched_with_the_commands_that_are_named(run: Run) -> None:
    code, out, _ = run("tasks", "new", "mine")
    assert code == 0 and out.splitlines()[0] == "Written mine.toml"
    commands = [line.split("  ")[1].removeprefix("acdc-custom ") for line in out.splitlines() if "  acdc-" in line]
    assert [command.split()[-2] for command in commands] == ["show", "check", "--task"]
    for command in commands:
        code, out, err = run(*command.split(), "--n", "4")
        assert code == 0, err
    assert "  results/mine_demo-4l_0.01/circuit.json" in out.splitlines()


def test_a_file_that_is_there_is_not_overwritten(run: Run) -> None:
    run("tasks", "new", "mine")
    change("gets the book", "has the book")
    before = Path("mine.toml").read_text()
    code, out, err = run("tasks", "new", "other", "--out", "mine.toml")
    assert (code, out) == (1, "") and "mine.toml is there already, and is not overwritten" in err
    assert Path("mine.toml").read_text() == before


def test_show_prints_prompts_with_marks_answers_and_positions(run: Run) -> None:
    from transformers import AutoTokenizer

    run("tasks", "new", "mine")
    code, out, _ = run("tasks", "show", "mine.toml", "--n", "1", "--corruption", "rename")
    assert code == 0
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED[0].directory)
    (prompt,) = load_task("mine.toml").batch(tokenizer, n=1, corruption="rename").prompts
    said = {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}
    assert "mine: Who gets the book?" in out
    assert "1, seed 0, corruption rename, tokens of demo-4l" in out
    assert "".join(said["clean"]) == prompt.clean.replace(" ", "")
    assert "".join(said["corrupted"]) == prompt.corrupted.replace(" ", "")
    assert any(set(word) == {"^"} for word in said)
    assert sorted(said["positions"]) == sorted(prompt.positions)
    assert f'"{prompt.answer[0]}", not "{prompt.foil[0]}"' in out


def test_show_takes_the_first_prompts_of_a_search_and_says_so(run: Run) -> None:
    _, few, _ = run("tasks", "show", "ioi", "--n", "2")
    _, first, _ = run("tasks", "show", "ioi")
    assert "Prompts    the first 5 of 100, seed 0, corruption rename, tokens of demo-4l" in first
    assert few.split("Prompt 1")[1] in first
    assert "clean      <bos>When" in few


def test_marks_are_coloured_where_there_are_colours(capsys: pytest.CaptureFixture[str]) -> None:
    _echo("    ^^^  ^")
    assert capsys.readouterr().out == "    ^^^  ^\n"
    with click.Context(click.Command("x"), color=True):
        _echo("    ^^^  ^")
        _echo("  clean  x ^")
    assert capsys.readouterr().out == "\x1b[33m\x1b[1m    ^^^  ^\x1b[0m\n  clean  x ^\n"


def test_a_check_tells_everything_and_ends_with_the_next_command(run: Run) -> None:
    run("tasks", "new", "mine")
    code, out, err = run("tasks", "check", "mine.toml", "--n", "12", "--seed", "3")
    assert code == 0 and "acdc-custom:" not in err
    for part in (
        "Model      demo-4l (GPT-2 architecture)",
        "Prompts    12 prompts, seed 3, of 1 template; 15 tokens each",
        "names: 20 of 20 are one token wherever they may stand",
        "giver_again  {B}#2           10 ",
        "prefers the answer to the foil on 100% of the prompts",
        "logit difference    prompts",
        "3: {A} {B} {B}#2",
    ):
        assert part in out
    assert out.endswith("Problems   none\nNext       acdc-custom discover --task mine.toml --model demo-4l\n")
    assert max(map(len, out.splitlines())) <= 100


def test_a_file_that_cannot_be_read_is_told_whole_without_loading_a_model(run: Run) -> None:
    run("tasks", "new", "mine")
    change('answer = " {A}"', 'answer = " {X}"')
    change('taker = "{A}"', 'taker = "{Y}"')
    code, out, err = run("tasks", "check", "mine.toml")
    assert code == 1 and "loading" not in err
    assert out.splitlines()[0] == "Problems   2"
    assert "  1. mine.toml: answer: {X}: there is no slot X in [slots]" in out
    assert "  2. mine.toml: positions.taker: {Y}: there is no slot Y" in out
    assert '     To do: Write, for example: answer = " {B}"' in out
    assert err == "acdc-custom: 2 problems in mine.toml. More may show once it can be read.\n"


def test_problems_with_the_model_end_with_1_and_one_line(run: Run) -> None:
    run("tasks", "new", "mine")
    change('" {A}"', '" nobody"')
    change('"Alice",', '"Alice", "Nebuchadnezzar",')
    code, out, err = run("tasks", "check", "mine.toml", "--n", "6")
    assert code == 1
    said = " ".join(out.split())
    assert "left out: Nebuchadnezzar is unknown; kept: Alice, Bob" in said
    assert 'answer: " nobody" is a word that the tokenizer does not know' in said
    assert err.splitlines()[-1] == "acdc-custom: 1 problem with mine on demo-4l."


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("new",), 2, "Missing argument 'NAME'"),
        (("new", "my task"), 2, "cannot be a task's name"),
        (("new", "x", "--out", "x"), 2, "has to end in .toml"),
        (("new", "x", "--out", "no/x.toml"), 1, "there is no folder no"),
        (("show", "latest"), 2, 'Did you mean "latest_s"?'),
        (("show", "./no.toml"), 2, "there is no file no.toml"),
        (("show", "ioi", "--corruption", "renam"), 2, 'Did you mean "rename"?'),
        (("show", "ioi", "--model", "./no"), 2, 'there is no directory "no"'),
        (("show", "antonyms", "--n", "100001"), 2, "at most 100000 can be made"),
        (("check", "latest"), 2, 'Did you mean "latest_s"?'),
        (("check", "ioi", "--model", "./no"), 2, 'there is no directory "no"'),
        (("check", "ioi", "--seed", "-1"), 2, "the seed is -1"),
        (("chek", "ioi"), 2, "chek"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_one_line_and_an_exit_code(run: Run, args: tuple[str, ...], code: int, said: str) -> None:
    given, _, err = run("tasks", *args)
    last = err.splitlines()[-1]
    assert (given, said in last) == (code, True), err
    assert last.startswith("acdc-custom: ") and "Traceback" not in err
