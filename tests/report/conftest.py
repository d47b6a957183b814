"""A report of a real run, one made by hand from hostile text, and a browser to open them in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import MISSING, installed, launch
from report_contents import beside_of, contents_of, evaluation_about, hostile_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli import main
from acdc_custom.evaluate.content import save
from acdc_custom.report.page import report_page


@pytest.fixture(scope="session")
def hostile_page() -> str:
    """A page on which every text from outside tries to become a script."""
    circuit = hostile_circuit()
    return report_page(contents_of(circuit), beside_of(circuit))


@pytest.fixture(scope="session")
def report(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report, with an evaluation beside it."""
    folder = tmp_path_factory.mktemp("reported") / "run"
    shutil.copytree(run_folder, folder)
    save(evaluation_about(Circuit.load(folder)), folder)
    main(["report", str(folder)])
    return folder / "report.html"


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
