"""A report of a real run, and one made by hand from hostile text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_contents import IMAGE, beside_of, contents_of, evaluation_about, hostile_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli import main
from acdc_custom.evaluate.content import save
from acdc_custom.report.page import report_page


@pytest.fixture(scope="session")
def hostile_page() -> str:
    """A page on which every text from outside tries to become a script."""
    circuit = hostile_circuit()
    return report_page(contents_of(circuit), beside_of(circuit))


def reported(run: Path, folder: Path) -> Path:
    """The report of a run, with an evaluation beside it."""
    shutil.copytree(run, folder)
    save(evaluation_about(Circuit.load(folder)), folder)
    main(["report", str(folder)])
    return folder / "report.html"


@pytest.fixture(scope="session")
def full_report(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real report with everything in it."""
    return reported(small_run, tmp_path_factory.mktemp("reported") / "run")


@pytest.fixture(scope="session")
def report(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real report without the figures of analyses, which take the longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acdc_custom.report.measure.analysis_figures", lambda run, on_progress: ())
        patch.setattr("acdc_custom.report.figures._address", lambda figure: IMAGE)
        return reported(small_run, tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of a page are empty images of the right size: for tests of words, which drawing only makes slow."""
    monkeypatch.setattr("acdc_custom.report.figures._address", lambda figure: IMAGE)
