"""Commands run in this process, as `tests/cli` types them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from acdc_custom.cli import main

Run = Callable[..., tuple[int, str, str]]


def run_command(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Exit code, output and error output."""
    try:
        main(list(args))
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err
