"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from browser import MISSING, installed, launch

from acdc_custom.cli import main


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tensors in tests are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the bundled model, with heads in its circuit."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    main(["discover", "--task", "ioi", "--n", "8", "--no-roles", "--out", str(folder)])
    return folder


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless browser: the system's, since none is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = installed()
    if path is None:
        pytest.skip(MISSING)
    with playwright.sync_playwright() as started:
        browser = launch(started, path)
        yield browser
        browser.close()
