"""What is drawn says how often it is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from studies import FOUR, ORDERS, PROMPTS, runs_of, study

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.stability.consensus import consensus_edges
from acdc_custom.stability.figure import stability_figure
from acdc_custom.stability.picture import draw_all, draw_consensus
from acdc_custom.stability.record import Stability


def consensus_of(stability: Stability) -> Circuit:
    circuit = runs_of(FOUR)[0].circuit
    search = replace(circuit.search, runs=4, share=stability.share)
    return replace(circuit, edges=consensus_edges(stability.shares[Part.EDGES], stability.share), search=search)


def opacity(dot: str, sender: str) -> float:
    found = re.search(rf'"?{re.escape(sender)}"? -> [^\[]*\[[^\]]*color="#[0-9a-f]{{6}}([0-9a-f]{{2}})"', dot)
    assert found
    return int(found[1], 16) / 255


def test_an_edge_is_as_opaque_as_it_is_often_kept(tmp_path: Path) -> None:
    found = study(runs_of(FOUR))
    svg, dot = draw_consensus(found, consensus_of(found), tmp_path)
    text = dot.read_text(encoding="utf-8")
    assert opacity(text, "m1") == 1.0 > opacity(text, "a1.h0") > opacity(text, "a1.h2") > 0.1
    drawn = svg.read_text(encoding="utf-8")
    ElementTree.fromstring(drawn)
    assert "in 3 of 4 runs (75%, 95% interval 30% to 95%); mean effect 0.5 nats" in drawn
    assert "Consensus of 4 runs, edges kept by at least 50%" in drawn and "100% of the runs" in drawn


def test_the_picture_of_all_has_what_any_run_keeps(tmp_path: Path) -> None:
    found = study(runs_of(FOUR))
    drawn = draw_all(found, consensus_of(found), tmp_path / "edges.svg").read_text(encoding="utf-8")
    assert "4 edges that at least one of 4 runs keeps" in drawn and "embed → a0.kv1.k: in 1 of 4 runs" in drawn
    assert "25% of the runs" in drawn


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param(runs_of(FOUR), marks=pytest.mark.slow),
        [*runs_of(FOUR), *runs_of(FOUR[:2], PROMPTS), *runs_of(FOUR[2:], ORDERS)],
        runs_of([{}, {}]),
        pytest.param(runs_of([{("m1", "logits"): 1.0}] * 2), marks=pytest.mark.slow),
    ],
)
def test_every_study_has_its_pictures(runs: list, tmp_path: Path) -> None:
    found = study(runs)
    svg = stability_figure(found).to_svg()
    ElementTree.fromstring(svg)
    assert "Jaccard index of the edges of every two runs" in svg
    draw_consensus(found, consensus_of(found), tmp_path)
    draw_all(found, consensus_of(found), tmp_path / "edges.svg")
