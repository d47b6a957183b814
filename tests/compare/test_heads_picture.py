"""Three circuits are a table of heads: who has which, with roles and shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from circuits import EDGES
from compared import OTHER, entries_of

from acdc_custom.compare import heads_picture as module
from acdc_custom.compare.comparison import compare_circuits
from acdc_custom.compare.content import write_comparison
from acdc_custom.compare.heads_picture import heads_picture

THIRD = {("a1.h2", "logits"): 1.0, ("a0.h3", "m1"): 3.0}


def test_a_row_is_a_head_and_a_cell_its_role_and_its_share() -> None:
    figure = heads_picture(compare_circuits(entries_of(EDGES, OTHER, THIRD), draws=20))
    axes = figure.main
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "B", "C"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["L1H0", "L1H2", "L0H3"], "of most first"
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    # A has one head, B two of the same effect, C one of 1 and one of 3.
    assert cells == {(0, 0): "NM 100", (1, 0): "ind. 50", (1, 1): "50", (2, 1): "25", (2, 2): "75"}
    assert "A: one" in axes.get_xlabel() and "NM: name mover" in axes.get_xlabel()
    assert "L1H0: A NM 100, B ind. 50" in figure.about


def test_a_circuit_whose_roles_were_not_measured_is_named() -> None:
    *measured, last = entries_of(EDGES, OTHER, THIRD)
    figure = heads_picture(compare_circuits([*measured, replace(last, heads=None)], draws=20))
    assert "C: roles not measured (acdc-custom roles)" in figure.main.get_xlabel()


def test_a_long_table_says_how_many_heads_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    figure = heads_picture(compare_circuits(entries_of(EDGES, OTHER, THIRD), draws=20))
    assert "2 of 3 heads, those of the largest shares" in figure.title


def test_three_circuits_have_the_table_and_the_graph(tmp_path: Path) -> None:
    files = write_comparison(compare_circuits(entries_of(EDGES, OTHER, THIRD), draws=20), tmp_path)
    names = ["comparison.json", "comparison.svg", "comparison_graph.svg", "comparison.html"]
    assert [path.name for path in files] == names and all(path.stat().st_size for path in files)


def test_circuits_without_heads_have_an_empty_table() -> None:
    bare = {("m1", "logits"): 1.0}
    assert heads_picture(compare_circuits(entries_of(bare, bare, bare), draws=20)).to_svg().startswith("<svg")
