"""What the tests of the commands share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from commands import Run, run_command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder; gives exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    return partial(run_command, capsys)
