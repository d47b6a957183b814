"""Each circuit on each other's prompts, on real runs: against what the runs say of themselves, and the extremes."""

from __future__ import annotations

import shutil
from dataclasses import astuple, replace
from itertools import islice
from pathlib import Path

import pytest

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.compare.crossing import ANY, SHARED, cross, edge_sets, n_crossings
from acdc_custom.compare.entry import load_entries


def test_own_prompts_give_the_runs_own_numbers_and_all_or_no_edges_the_extremes(
    small_run: Path, tmp_path: Path
) -> None:
    found = Circuit.load(small_run)
    for name, edges in (("none", ()), ("all", tuple(KeptEdge(edge, 1.0) for edge in found.graph.edges()))):
        shutil.copytree(small_run, tmp_path / name)
        replace(found, edges=edges).save(tmp_path / name)
    entries = load_entries([small_run, tmp_path / "none", tmp_path / "all"])
    crossings = {(c.edges, c.prompts): c for c in cross(entries[:1])} | {
        (c.edges, c.prompts): c for c in cross(entries)
    }
    assert len(crossings) == n_crossings(entries) == 3 * 5
    own = crossings["A", "A"]
    assert astuple(own.behaviour) == pytest.approx(astuple(found.outcome.circuit), abs=1e-5)
    assert own.outcome.faithfulness == pytest.approx(found.outcome.faithfulness, abs=1e-5)
    for nothing in ("B", SHARED):
        assert crossings[nothing, "A"].outcome.faithfulness == pytest.approx(0, abs=1e-5)
        assert crossings[nothing, "A"].behaviour.kl == pytest.approx(found.outcome.empty.kl, abs=1e-4)
    for everything in ("C", ANY):
        assert crossings[everything, "A"].outcome.faithfulness == pytest.approx(1, abs=1e-5)
        assert crossings[everything, "A"].behaviour.kl == pytest.approx(0, abs=1e-5)
        assert crossings[everything, "A"].without.faithfulness == pytest.approx(0, abs=1e-5)
    assert crossings["B", "A"].without.faithfulness == pytest.approx(1, abs=1e-5)
    assert {name: len(edges) for name, edges in edge_sets(entries).items()} == {
        "A": len(found.edges),
        "B": 0,
        "C": found.graph.n_edges,
        SHARED: 0,
        ANY: found.graph.n_edges,
    }


def test_circuits_are_run_at_their_spans_and_do_nothing_where_prompts_lack_them(
    placed_runs: tuple[Path, Path], tmp_path: Path
) -> None:
    found, other = map(Circuit.load, placed_runs)
    spans, others = ([span.name for span in circuit.spans] for circuit in (found, other))
    alone = set(spans) - set(others)
    assert alone, "the tasks differ in some of their spans"
    every = tuple(KeptEdge(edge, 1.0) for edge in found.graph.edges_at(spans))
    sets = {"all": every, "lacked": tuple(kept for kept in every if kept.edge.span in alone)}
    for name, edges in sets.items():
        shutil.copytree(placed_runs[0], tmp_path / name)
        replace(found, edges=edges).save(tmp_path / name)
    entries = load_entries([*placed_runs, tmp_path / "all", tmp_path / "lacked"])
    assert all(entry.circuit.in_positions for entry in entries)
    on_a = {c.edges: c for c in islice(cross(entries[:3]), 3)}
    on_b = {c.edges: c for c in islice(cross(entries[1:4:2]), 2)}
    for own, circuit in ((on_a["A"], found), (on_b["B"], other)):
        assert own.n_edges == 24
        assert astuple(own.behaviour) == pytest.approx(astuple(circuit.outcome.circuit), abs=1e-5)
    assert on_a["C"].behaviour.kl == pytest.approx(0, abs=1e-5)
    assert on_a["C"].without.circuit.kl == pytest.approx(found.outcome.empty.kl, abs=1e-4)
    assert on_b["D"].behaviour.kl == pytest.approx(other.outcome.empty.kl, abs=1e-4)
    assert on_b["D"].without.circuit.kl == pytest.approx(0, abs=1e-5)
