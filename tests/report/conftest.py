"""A report of a real run, and one made by hand from hostile text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
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
def report(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report, with an evaluation beside it."""
    folder = tmp_path_factory.mktemp("reported") / "run"
    shutil.copytree(small_run, folder)
    save(evaluation_about(Circuit.load(folder)), folder)
    main(["report", str(folder)])
    return folder / "report.html"
