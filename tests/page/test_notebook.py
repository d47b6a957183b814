"""What a notebook shows of a circuit and of tables: whole, escaped, offline, and without a script."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import example_circuit, example_heads
from positioned import SPANS, positioned_circuit

from acdc_custom.errors import ResultError
from acdc_custom.files.table import html_table
from acdc_custom.page import notebook


def drawn(shown: str) -> int:
    """How many edges of a circuit are in the picture."""
    return len(re.findall(r'id="[^"]+(?:--|&#45;&#45;)[^"]+" class="edge"', shown))


def test_a_circuit_is_its_picture_with_the_summary_below() -> None:
    shown = example_circuit()._repr_html_()
    assert shown.count("<svg") == 1 and drawn(shown) == 4
    assert shown.index("</svg>") < shown.index("Strongest edges") < shown.index("m1 -&gt; logits")
    assert "<script" not in shown and "href" not in shown and "@import" not in shown
    assert not re.findall(r"(?:src|url)\s*[=(]", shown)


def test_a_circuit_in_positions_is_shown_in_columns() -> None:
    shown = positioned_circuit()._repr_html_()
    assert {f">{span.name}</text>" in shown for span in SPANS} == {True}


def test_edges_that_nothing_was_measured_of_are_shown_as_well() -> None:
    part = example_circuit().without("L1H0")
    shown = part._repr_html_()
    assert drawn(shown) == 3 and "3 edges of 82" in shown and "embed -&gt; m1  0.0200" in shown
    assert "<svg" not in part.keep([])._repr_html_()


def test_two_circuits_in_a_notebook_share_no_name() -> None:
    one, other = example_circuit()._repr_html_(), example_circuit().without("L1H0")._repr_html_()
    ids = [set(re.findall(r'\bid="(circuit[^"]*)"', shown)) for shown in (one, other)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]


def test_names_that_a_user_made_up_are_escaped() -> None:
    circuit = example_circuit()
    task = replace(circuit.task, name="<b>&x")
    shown = replace(circuit, provenance=replace(circuit.provenance, task=task))._repr_html_()
    assert "<b>&x" not in shown and "&lt;b&gt;&amp;x" in shown


def test_without_a_graphviz_the_summary_is_shown_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> bytes:
        raise ResultError("a svg needs Graphviz, and none was found.")

    monkeypatch.setattr(notebook, "render", none)
    shown = example_circuit()._repr_html_()
    assert "needs Graphviz" in shown and "Strongest edges" in shown


def test_a_table_of_heads_is_a_table_and_a_frame() -> None:
    heads = example_heads()
    shown = heads._repr_html_()
    assert "<td" in shown and "L1H0" in shown and "L1H1" not in shown, "those in the circuit or with a role"
    frame = heads.frame()
    assert list(frame["head"]) == ["a1.h0", "a1.h1"] and frame.direct_effect.dtype == float
    assert repr(heads) == "<2 heads of latest_s in demo: 1 name mover, 1 unclassified>"


def test_a_long_table_says_how_many_rows_are_left() -> None:
    shown = html_table([{"a": f"<{n}>", "b": n / 3} for n in range(30)], "A & B")
    assert shown.count("<tr>") == 21 and "10 more rows" in shown and "A &amp; B" in shown and "&lt;3&gt;" in shown
    assert html_table([]) == "<table><thead><tr></tr></thead><tbody></tbody></table>"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_the_picture_fits_and_can_be_made_larger(chromium: Any, scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.html"
    path.write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{example_circuit()._repr_html_()}', encoding="utf-8")
    page = chromium.new_page(viewport={"width": 600, "height": 700}, color_scheme=scheme)
    page.goto(path.as_uri())
    picture = page.locator("svg")
    fitted = picture.bounding_box()
    assert fitted["width"] <= 600 and fitted["height"] <= 640
    page.get_by_label("2x").check()
    assert picture.bounding_box()["width"] > 1.5 * fitted["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 600, "the page itself does not scroll sideways"
    page.close()
