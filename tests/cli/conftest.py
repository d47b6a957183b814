"""What the tests of the commands share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from commands import Run, run_command

from acdc_custom.search import beside
from acdc_custom.search.registry import scoring_method


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder; gives exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    return partial(run_command, capsys)


@pytest.fixture
def one_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """One method to compare a circuit with: all of them are compared in `sweep/test_measure.py` and `evaluate`."""
    monkeypatch.setattr(beside, "scoring_methods", lambda: (scoring_method("eap"),))
