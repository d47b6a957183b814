"""A report of a real run, one made by hand from hostile text, and a browser to open them in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_contents import contents_of, hostile_circuit

from acdc_custom.cli import main
from acdc_custom.report.page import report_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def hostile_page() -> str:
    """A page on which every text from outside tries to become a script."""
    return report_page(contents_of(hostile_circuit()))


@pytest.fixture(scope="session")
def report(run_folder: Path) -> Path:
    """Its report."""
    main(["report", str(run_folder)])
    return run_folder / "report.html"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless browser: the system's, since none is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"] if as_root else [])
        yield browser
        browser.close()
