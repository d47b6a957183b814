"""Each circuit on each other's prompts, on real runs: against what the runs say of themselves, and the extremes."""

from __future__ import annotations

import shutil
from dataclasses import astuple, replace
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
