"""`acdc-custom report`: where the page goes, and what is said when there can be none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run_command
from giving_task import TASK
from pages import Page
from report_contents import IMAGE, evaluation_about

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.evaluate.content import save
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.table import HeadTable


def test_discover_names_the_command_and_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = "a<script>alert(1)</script> b.toml".replace("/", "")
    description = '<script>alert("task")</script>'
    Path(hostile).write_text(TASK.replace("Who gets the book back?", description.replace('"', '\\"')))
    code, out, _ = run_command(capsys, "discover", "--task", f"./{hostile}", "--model", small_model, "--n", "4",
                               "--held-out", "0", "--threshold", "0.1", "--no-roles")  # fmt: skip
    assert code == 0
    (last,) = (line for line in out.splitlines() if "acdc-custom report" in line)
    (folder,) = Path("results").iterdir()
    assert str(folder) in last
    code, out, _ = run_command(capsys, "report", str(folder))
    assert code == 0
    assert out.startswith(f"Written {folder / 'report.html'} (0.")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert description in page.texts
    assert [a for a in page.all("script") if a.get("type") != "application/json"] == [{}]
    assert "a<script>alert(1)<script> b.toml" in "".join(page.texts)


def test_an_evaluation_of_another_circuit_ends_in_one_line(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    circuit = Circuit.load(small_run)
    circuit.save(tmp_path)
    save(evaluation_about(replace(circuit, edges=circuit.edges[1:])), tmp_path)
    code, _, err = run_command(capsys, "report", str(tmp_path), "--out", str(tmp_path / "new" / "page.html"))
    assert code == 1 and not (tmp_path / "new").exists()
    line = err.splitlines()[-1]
    assert "the edges are not the same" in line and f"acdc-custom evaluate {tmp_path}" in line


@pytest.mark.usefixtures("without_figures")
def test_the_page_goes_where_it_is_told(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "mine.html"
    code, said, _ = run_command(capsys, "report", str(small_run / "circuit.json"), "--out", str(out), "--device", "cpu")
    assert code == 0 and str(out) in said
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures of analyses, which take the longest, are left out, and no other is drawn."""
    monkeypatch.setattr("acdc_custom.report.measure.analysis_figures", lambda run, on_progress: ())
    monkeypatch.setattr("acdc_custom.report.figures._address", lambda figure: IMAGE)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("no-such",), 1, "there is no no-such"),
        ((".",), 1, "Give a run folder"),
        (("no-such", "--out", "."), 2, "is a directory"),
        ((), 2, "Missing argument"),
    ],
)
def test_what_cannot_be_is_one_line(
    args: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given, _, err = run_command(capsys, "report", *args)
    assert given == code
    assert said in err and len(err.splitlines()) == 1


@pytest.mark.usefixtures("without_figures")
def test_a_page_that_cannot_be_written_is_one_line(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run_command(capsys, "report", str(small_run), "--out", str(tmp_path / "file" / "report.html"))
    assert code == 1
    assert "could not be written" in err.splitlines()[-1]


@pytest.mark.usefixtures("without_figures")
def test_the_page_has_the_roles_that_lie_beside_the_circuit_and_why_heads_have_none(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    assert run_command(capsys, "roles", str(folder))[0] == 0
    table = HeadTable.load(folder)
    replace(table, notes=("As it was found.",)).save(folder)
    monkeypatch.setattr("acdc_custom.report.measure.find_roles", None)  # cannot be called
    code, _, err = run_command(capsys, "report", str(folder))
    assert code == 0, err
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "Note: As it was found." in page.texts
    without = [row.why for row in table.rows if row.role is Role.UNCLASSIFIED]
    assert without and all(why and why in page.texts for why in without)


def test_roles_that_are_damaged_are_one_line(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "heads.json").write_text("{}")
    code, _, err = run_command(capsys, "report", str(folder))
    assert code == 1 and "heads.json is damaged" in err and f"acdc-custom roles {folder}" in err
