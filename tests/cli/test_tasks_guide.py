"""The guide that builds a task shows what its commands print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from acdc_custom.cli import main

GUIDE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
MISTAKES = {'answer = " {q.opposite}"': 'answer = "{q.opposite}"', '"{thing}"\n\n': '"{thing}#2"\n\n'}


def shown(kind: str, name: str) -> str:
    (text,) = re.findall(rf"^<!-- {kind}: {re.escape(name)} -->\n```\w+\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(text)


def form(text: str) -> str:
    """The text without what another machine's arithmetic may round elsewhere."""
    return re.sub(r"[ #]*[\d.]+[ #]*", "#", text)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], command: str) -> str:
    try:
        main(command.split())
    except SystemExit as stop:
        assert stop.code == 1
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "command", ["tasks new contrast", "tasks show contrast.toml --n 2", "tasks check contrast.toml"]
)
def test_the_guide_shows_what_the_command_prints(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "new" not in command:
        Path("contrast.toml").write_text(shown("file", "contrast.toml"))
    assert form(printed(capsys, command)) == form(shown("output", command))


def test_the_guide_shows_what_two_mistakes_bring(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown("file", "contrast.toml")
    for right, wrong in MISTAKES.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    Path("contrast.toml").write_text(text)
    expected = shown("output", "tasks check contrast.toml, with the two mistakes")
    assert form(printed(capsys, "tasks check contrast.toml")) == form(expected)


def test_the_guides_search_finds_the_circuit_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Path("contrast.toml").write_text(shown("file", "contrast.toml"))
    out = printed(capsys, "discover --task contrast.toml --out run")
    expected = shown("output", "discover --task contrast.toml")
    assert form(expected).split("search")[0] in form(out)
    edges = re.findall(r"^ *(\S+ -> \S+)", expected, re.MULTILINE)
    assert len(edges) == 10 and all(edge in out for edge in edges)
