"""A search in positions on the command line: searched, stopped, resumed, shown, exported, compared."""

from __future__ import annotations

import json
from pathlib import Path

from commands import Run

from acdc_custom.circuit.circuit import Circuit

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
    code, out, err = run("resume", "found")
    assert code == 0, err
    assert Path("found/decisions.jsonl").read_bytes() == text
    assert Circuit.load("found").edges == circuit.edges

    assert "@END -> logits@END" in run("show", "found")[1]
    assert f"{len(circuit.edges)} edges at {len(names)} spans are merged" in run("export", "found", "--to", "mib")[1]
    code, out, err = run(*SEARCH, "--model", small_model, "--out", "plain")
    assert code == 0, err
    code, out, err = run("compare", "found", "plain", "--without-model", "--draws", "20")
    assert code == 0, err
    assert "Circuits in positions are compared without them" in " ".join(out.split())


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
