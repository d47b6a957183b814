"""Every search method writes an ordinary run folder, which every other command takes; and a method is one file."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run, run_command, start
from grids import n_lines
from swept import Here

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli.options import ExecutorChoice
from acdc_custom.search import methods as room
from acdc_custom.search.registry import deciding_methods, methods, scoring_methods

ASKED = ("discover", "--task", "ioi", "--n", "4", "--held-out", "4", "--no-roles")
NEW = '''"""A method that is not there yet: the earlier a sender, the higher the score."""

from acdc_custom.graph import Edge
from acdc_custom.search.method import ScoringMethod, ToScore


def _score(asked):
    for edge in asked.graph.edges():
        yield edge, 1.0 / (2 + edge.sender.layer)
    asked.on_step()


METHOD = ScoringMethod("depth", "Depth", "how early a sender stands", "nobody", "layers", _score, lambda chunks: 1)
'''


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of every method, in folders of their names."""
    return tmp_path_factory.mktemp("methods")


@pytest.mark.parametrize("name", [method.name for method in methods()])
def test_every_method_writes_a_run_folder(
    folders: Path, capsys: pytest.CaptureFixture[str], name: str, small_model: str
) -> None:
    size = ("--threshold", "0.2") if name in [m.name for m in deciding_methods()] else ("--edges", "30")
    code, out, _ = run_command(
        capsys, *ASKED, "--model", small_model, "--method", name, *size, "--out", str(folders / name)
    )
    assert code == 0 and "Strongest edges" in out
    circuit = Circuit.load(folders / name)
    assert circuit.settings.method == name and circuit.edges
    rows = [json.loads(row) for row in (folders / name / "decisions.jsonl").read_text().splitlines()]
    kept = {(row["sender"], row["receiver"]) for row in rows if row["kept"]}
    assert len(rows) == circuit.graph.n_edges
    assert kept == {(str(k.edge.sender), str(k.edge.receiver)) for k in circuit.edges}
    assert {path.name for path in (folders / name).iterdir()} == {
        "circuit.json", "circuit.svg", "circuit.dot", "decisions.jsonl", "run.json",
    }  # fmt: skip
    if circuit.is_scored:
        assert len(circuit.edges) == 30
        least = min(kept.strength for kept in circuit.edges)
        assert least >= max(abs(row["effect"]) for row in rows if not row["kept"])


def test_where_gradients_are_taken_can_be_chosen_and_is_kept(run: Run, folders: Path, small_model: str) -> None:
    found = {}
    for method, steps in (("eap-ig", 1), ("eap-ig-mib", 1), ("eap-ig", 3)):
        out = f"{method}_{steps}"
        code, _, _ = run(
            *ASKED, "--model", small_model, "--method", method, "--edges", "30", "--steps", str(steps), "--out", out
        )
        assert code == 0
        circuit = Circuit.load(out)
        assert (circuit.settings.steps, circuit.search.evaluations) == (steps, steps)
        found[out] = {kept.edge: kept.effect for kept in circuit.edges}
    eap = {kept.edge: kept.effect for kept in Circuit.load(folders / "eap").edges}
    # One point of the paper is the clean model, as in EAP; one of MIB's code is the embedding ablated.
    assert found["eap-ig_1"] == pytest.approx(eap)
    assert len({frozenset(effects.items()) for effects in found.values()}) == 3
    assert Circuit.load(folders / "eap-ig-mib").settings.steps == 5


@pytest.mark.parametrize("name", ["edge-effects"])
def test_every_command_takes_a_circuit_whose_edges_were_scored(
    folders: Path, one_beside: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = str(folders / name)
    # They take the longest, and are those of any circuit.
    monkeypatch.setattr("acdc_custom.report.measure.analysis_figures", lambda run, on_progress: ())

    def done(*args: str) -> str:
        code, out, err = run_command(capsys, *args)
        assert code == 0, (args, err)
        assert "nan" not in out.lower().split(), args
        assert args[0] == "roles" or "threshold" not in out.lower(), args  # a role has thresholds of its own
        return out

    assert f"ranked first by {name}" in done("show", folder)
    done("draw", folder, "--out", str(folders / "drawn.svg"))
    assert "size of an edge" in (folders / name / "circuit.svg").read_text(encoding="utf-8").replace("\xa0", " ")
    for form in ("mib", "csv", "graphml", "dot", "json-graph"):
        done("export", folder, "--to", form)
    scores = {kept.effect for kept in Circuit.load(folder).edges}
    assert min(scores) < 0 < max(scores)  # edges that hurt are in it, too
    with (folders / name / "edges.csv").open(encoding="utf-8", newline="") as file:
        assert {float(row["effect"]) for row in csv.DictReader(file)} == scores
    out = done("compare", folder, str(folders / "eap"), "--out", str(folders / "beside"), "--draws", "20")
    assert "They were found with different methods" in out
    assert "visiting orders" not in out
    done("roles", folder)
    done("evaluate", folder, "--n", "6", "--draws", "20")
    done("report", folder)
    page = (folders / name / "report.html").read_text(encoding="utf-8")
    shown = re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    assert "edge-effects scored 310 edges" in shown and "acdc-custom discover" in shown
    assert "--method edge-effects --edges 30 --ranking absolute" in shown
    assert "None" not in re.sub(r"; None:", "", shown.split("Settings Setting Value")[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "eap"], "give the size of the circuit with --edges"),
        (["--method", "eap", "--edges", "3", "--threshold", "0.1"], "is for methods that decide edges"),
        (["--edges", "3"], "acdc decides them by --threshold"),
        (["--method", "eapp", "--edges", "3"], "is not one of"),
        (["--method", "eap", "--edges", "0"], "is not in the range"),
        (["--steps", "3"], "--steps 3 is for methods that integrate gradients, and acdc does not"),
        (["--method", "eap", "--edges", "3", "--steps", "3"], "integrate gradients, and eap does not"),
        (["--method", "eap-ig", "--edges", "3", "--steps", "0"], "is not in the range"),
    ],
)
def test_what_a_method_has_no_use_for_is_told_in_a_line(run: Run, options: list[str], message: str) -> None:
    code, _, err = run(*ASKED, *options)
    assert code == 2 and message in err and len(err.splitlines()) == 1
    assert not list(Path().iterdir())


@pytest.fixture
def new_method(tmp_path: Path) -> Iterator[Path]:
    """A folder with one more method, which is one file."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "depth.py").write_text(NEW, encoding="utf-8")
    room.__path__.append(str(folder))
    methods.cache_clear()
    yield folder
    room.__path__.remove(str(folder))
    methods.cache_clear()
    sys.modules.pop(f"{room.__name__}.depth")


def test_a_method_that_is_added_as_a_file_is_in_the_help(new_method: Path) -> None:
    code = (
        f"import acdc_custom.search.methods as room; room.__path__.append({str(new_method)!r}); "
        "from acdc_custom.cli import main; main(['discover', '--help'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    text = "".join(out.split())  # lines may break after a hyphen
    assert "depth:howearlyasenderstands" in text
    for method in scoring_methods():
        assert "".join(f"{method.name}: {method.about}".split()) in text, method.name


@pytest.mark.slow
def test_and_in_what_known_prints_and_in_its_picture(
    run: Run, new_method: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr("acdc_custom.known.trial.THRESHOLDS", (0.01,))
    code, out, _ = run("known", "--n", "2")
    assert code == 0
    assert sum(line.split()[2:3] == ["depth"] for line in out.splitlines()) == 9
    for name in ("known.svg", "known_curves.svg"):
        assert "Depth" in Path(f"results/known/{name}").read_text(encoding="utf-8")


@pytest.mark.slow
def test_and_in_a_sweep_and_an_evaluation(
    run: Run, new_method: Path, monkeypatch: pytest.MonkeyPatch, small_model: str
) -> None:
    monkeypatch.setattr(ExecutorChoice, "executor", lambda self: Here())
    monkeypatch.setenv("COLUMNS", "110")
    code, out, _ = run(
        "sweep",
        "--task",
        "ioi",
        "--model",
        small_model,
        "--n",
        "6",
        "--threshold",
        "0.3",
        "--out",
        "out",
    )
    assert code == 0 and "Depth" in out
    (case,) = json.loads(Path("out/sweep.json").read_text(encoding="utf-8"))["cases"]
    assert [part["method"] for part in case["attributions"]] == [method.name for method in scoring_methods()]
    assert "Depth" in Path("out/sweep.svg").read_text(encoding="utf-8")
    code, out, _ = run("evaluate", "out/ioi_two-layers_0.3", "--n", "6", "--draws", "20")
    assert code == 0 and sum(line.startswith("  Depth ") for line in out.splitlines()) == 2


# -- exact effects, which take a while: they can be stopped -------------------------------------------------

SLOW = (
    "discover",
    "--no-roles",
    "--task",
    "ioi",
    "--n",
    "12",
    "--held-out",
    "0",
    "--method",
    "edge-effects",
    "--edges",
    "40",
    "--window",
    "8",
)


def content(folder: Path) -> tuple[Any, str]:
    circuit = json.loads((folder / "run" / "circuit.json").read_text())
    del circuit["created"], circuit["search"]["seconds"]
    return circuit, (folder / "run" / "decisions.jsonl").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_exact_effects_that_are_killed_go_on_and_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    process = start(whole, *SLOW, "--out", "run")
    assert process.wait(300) == 0, process.communicate()[1]
    process = start(killed, *SLOW, "--out", "run")
    while n_lines(killed / "run") < 300 and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and 300 <= n_lines(killed / "run") < 1519
    with (killed / "run" / "decisions.jsonl").open("a") as journal:
        journal.write('{"sender": "a0.h')  # as if killed while writing a line
    process = start(killed, "resume", "run")
    assert process.wait(300) == 0, process.communicate()[1]
    assert content(killed) == content(whole)
