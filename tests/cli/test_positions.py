"""A search in positions on the command line: searched, stopped, resumed, shown, exported, compared."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from commands import Run
from swept import Here

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli.options import ExecutorChoice
from acdc_custom.grid.status import run_status

SMALL = ("discover", "--task", "latest_s", "--n", "4", "--no-roles")
SEARCH = (*SMALL, "--threshold", "0.02", "--held-out", "4")


def test_a_circuit_in_positions_is_found_resumed_and_handed_on(run: Run, small_model: str) -> None:
    code, out, err = run(*SEARCH, "--model", small_model, "--positions", "--out", "found")
    assert code == 0, err
    circuit = Circuit.load("found")
    names = [span.name for span in circuit.spans]
    assert names[-1] == "END" and {"S1", "S2", "S3", "S4"} <= set(names)
    assert circuit.settings.positions and circuit.test is not None
    assert f"{len(circuit.edges)} of {circuit.n_edges:,} edges at {len(names)} spans" in out
    assert "acdc-custom report found" in out
    assert f"Spans      {', '.join(names)}" in out.splitlines()
    assert sum(circuit.search.decided.values()) == circuit.n_edges
    journal = [json.loads(line) for line in Path("found/decisions.jsonl").read_text().splitlines()]
    assert {line.get("span") for line in journal if line["kept"]} == {kept.edge.span for kept in circuit.edges}

    # Stopped in the middle of a line, and resumed.
    text = Path("found/decisions.jsonl").read_bytes()
    Path("found/circuit.json").unlink()
    Path("found/decisions.jsonl").write_bytes(text[: len(text) * 2 // 3])
    begun = run_status("found")
    assert 0 < begun.decided < circuit.n_edges == begun.edges and begun.kept <= len(circuit.edges)
    assert f"% of {circuit.n_edges:,} edges at {len(names)} spans; {begun.kept} kept" in run("status", "found")[1]
    code, out, err = run("resume", "found")
    assert code == 0, err
    assert Path("found/decisions.jsonl").read_bytes() == text
    assert Circuit.load("found").edges == circuit.edges
    ended = run_status("found")
    assert (ended.decided, ended.kept) == (circuit.n_edges, len(circuit.edges))

    # A run of before that did not write down how many spans there are.
    request = json.loads(Path("found/run.json").read_text())
    del request["n_spans"], request["edges_at_spans"]
    Path("found/run.json").write_text(json.dumps(request))
    assert "edges, each counted once, whatever its spans; " in " ".join(run("status", "found")[1].split())

    assert "@END -> logits@END" in run("show", "found")[1]
    assert f"{len(circuit.edges)} edges at {len(names)} spans are merged" in run("export", "found", "--to", "mib")[1]
    code, out, err = run(*SEARCH, "--model", small_model, "--out", "plain")
    assert code == 0, err
    code, out, err = run("compare", "found", "plain", "--without-model", "--draws", "20")
    assert code == 0, err
    assert "Circuits in positions are compared without them" in " ".join(out.split())
    assert ", since B has none." in " ".join(out.split())


def test_nested_circuits_in_positions_are_searched_along_a_path(run: Run, small_model: str) -> None:
    code, _, err = run(
        *SMALL, "--model", small_model, "--path", "0.02,0.1", "--positions", "--out", "path", "--held-out", "0"
    )
    assert code == 0, err
    large, small = (Circuit.load(f"path/{threshold}") for threshold in ("0.02", "0.1"))
    assert {kept.edge for kept in small.edges} <= {kept.edge for kept in large.edges}
    lines = Path("path/edges.csv").read_text().splitlines()
    assert lines[0] == "rank,sender,receiver,span,threshold" and len(lines) == 1 + large.n_edges
    code, _, err = run(*SMALL, "--model", small_model, "--start", "path/0.02", "--held-out", "0")
    assert code == 2 and "the circuit to start from is in positions. Search it with --positions." in err


def test_methods_that_score_edges_score_them_at_every_span(run: Run, small_model: str) -> None:
    scored = ("--method", "eap", "--edges", "5", "--positions", "--held-out", "0", "--out", "scored")
    code, out, err = run(*SMALL, "--model", small_model, *scored)
    assert code == 0, err
    circuit = Circuit.load("scored")
    assert len(circuit.edges) == 5 and all(kept.edge.span for kept in circuit.edges)
    assert f"{circuit.n_edges:,} edges scored, in logits" in out
    assert len(Path("scored/decisions.jsonl").read_text().splitlines()) == circuit.n_edges


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    """Runs of grids are done in this process."""
    executor = Here()
    monkeypatch.setattr(ExecutorChoice, "executor", lambda self: executor)
    return executor


@pytest.mark.slow
def test_a_study_of_stability_in_positions_is_made_resumed_and_handed_on(run: Run, here: Here) -> None:
    code, out, err = run("stability", "--task", "latest_s", "--method", "grouped", "--threshold", "1", "--positions",
                         "--n", "4", "--runs", "2", "--alone", "0", "--vary", "prompts", "--out", "study")  # fmt: skip
    assert code == 0, err
    assert "at threshold 1 nats, in positions (" in " ".join(out.split()) and "edges at spans, median" in out
    found = [{kept.edge for kept in Circuit.load(f"study/prompts-00{number}").edges} for number in (1, 2)]
    consensus = Circuit.load("study/consensus")
    assert {kept.edge for kept in consensus.edges} == found[0] | found[1] and consensus.in_positions
    rows = list(csv.DictReader(Path("study/edges.csv").read_text().splitlines()))
    assert {(row["sender"], row["receiver"], row["span"]): int(row["n_kept"]) for row in rows} == {
        (str(edge.sender), str(edge.receiver), edge.span): sum(edge in own for own in found)
        for edge in found[0] | found[1]
    }
    assert "consensus of 2 runs" in run("show", "study/consensus")[1]

    # Stopped in the middle of its second run, and resumed.
    content, journal = Path("study/stability.json").read_text(), Path("study/prompts-002/decisions.jsonl")
    Path("study/stability.json").unlink()
    Path("study/prompts-002/circuit.json").unlink()
    journal.write_bytes(journal.read_bytes()[:2000])
    assert run("resume", "study")[0] == 0
    assert here.given == ["prompts-001", "prompts-002", "prompts-002"]
    assert Path("study/stability.json").read_text() == content


@pytest.mark.slow
def test_a_sweep_in_positions_is_made_resumed_and_reported(run: Run, here: Here) -> None:
    asked = ("sweep", "--task", "latest_s", "--positions", "--method", "grouped", "--n", "3", "--thresholds", "1,2",
             "--out", "swept")  # fmt: skip
    code, out, err = run(*asked)
    assert code == 0 and here.given == ["latest_s_demo-4l_1", "latest_s_demo-4l_2"], err
    circuits = {name: Circuit.load(f"swept/{name}") for name in here.given}
    (case,) = json.loads(Path("swept/sweep.json").read_text())["cases"]
    first = circuits[here.given[0]]
    assert (case["n_spans"], case["n_edges"]) == (len(first.spans), first.n_edges)
    assert f"edges at {case['n_spans']} spans" in " ".join(out.split())
    (search,) = case["searches"]
    assert search["method"] == "grouped"
    assert {p["folder"]: p["n_edges"] for p in search["points"]} == {n: len(c.edges) for n, c in circuits.items()}

    content, lost = Path("swept/sweep.json").read_text(), Path("swept/latest_s_demo-4l_2")
    Path("swept/sweep.json").unlink()
    (lost / "circuit.json").unlink()
    (lost / "decisions.jsonl").write_bytes((lost / "decisions.jsonl").read_bytes()[:2000])
    assert run("resume", "swept")[0] == 0
    assert here.given[2:] == ["latest_s_demo-4l_2"] and Path("swept/sweep.json").read_text() == content
    code, _, err = run("report", "swept/latest_s_demo-4l_1")
    assert code == 0 and 'id="step-filter"' in Path("swept/latest_s_demo-4l_1/report.html").read_text(), err
