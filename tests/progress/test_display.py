"""Progress where nobody watches is a line now and then, in a terminal one line that redraws itself."""

from __future__ import annotations

import io
import sys

import pytest

from acdc_custom.progress import display


def test_a_pipe_gets_whole_lines_and_no_frames(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "PATIENCE", 0.0)
    monkeypatch.setattr(display, "EVERY", 0.0)
    bar = display.new_bar(4, "Deciding edges", " edges")
    for _ in range(4):
        bar.update()
    bar.close()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(", after")[0] for line in lines[-2:]] == [
        "Deciding edges: 75%, 3 of 4 edges",
        "Deciding edges: 100%, 4 of 4 edges",
    ]
    assert all("to go" in line and "\r" not in line for line in lines)


def test_of_work_that_is_soon_done_a_pipe_hears_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with display.new_bar(1000, "Working") as bar:
        for _ in range(1000):
            bar.update()
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    display.new_bar(2, "Working").close()
    assert "\rWorking" in capsys.readouterr().err


def test_a_line_that_only_wipes_another_is_left_away() -> None:
    stream = io.StringIO()
    lines = display.Lines(stream)
    lines.write("\rone   ")
    lines.write("\r        \r")
    lines.write("\rtwo\n")
    assert stream.getvalue() == "one\ntwo\n"


def test_where_steps_are_not_alike_the_time_left_is_the_one_that_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    for is_terminal, left in ((False, ["? to go", "02:00 to go"]), (True, ["<?", "<02:00"])):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        monkeypatch.setattr(display, "PATIENCE", 0.0)
        monkeypatch.setattr(display, "EVERY", 0.0)
        bar = display.new_bar(100, "Deciding edges", " edges", left=lambda: seconds[0], mininterval=0, miniters=1)
        for told, shown in zip((0.0, 120.0), left, strict=True):
            seconds[0] = told
            bar.update()
            assert shown in capsys.readouterr().err
        bar.close()
        capsys.readouterr()
