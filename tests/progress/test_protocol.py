"""What is reported is what was done, and a bar shows it."""

from __future__ import annotations

import sys

import pytest

from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import steps


def test_a_stage_begins_with_no_step_done_and_ends_with_all() -> None:
    seen: list[tuple[str, int, int]] = []
    step = steps(lambda *report: seen.append(report), "Working", 3)
    for _ in range(3):
        step()
    assert seen[0] == ("Working", 0, 3)
    assert sum(more for _, more, _ in seen) == 3 and {(what, total) for what, _, total in seen} == {("Working", 3)}


def test_a_bar_shows_every_stage_by_its_name_and_counts_its_steps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with ProgressBar("Report: ", " heads") as progress:
        progress("measuring", 0, 2)
        progress("measuring", 2, 2)
        progress("drawing", 0, 1)
    shown = capsys.readouterr().err
    assert "Report: measuring" in shown and "Report: drawing" in shown and " heads" in shown
    assert shown.endswith("\r") and not shown.rsplit("\r", 2)[1].strip(), "the bar is gone at the end"
