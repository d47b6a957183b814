"""The report of a circuit in positions: a picture in columns, whose places open, and the plain one beside it."""

from __future__ import annotations

import pytest
from pages import Page
from positioned import positioned_circuit
from report_contents import contents_of

from acdc_custom.graph import Edge
from acdc_custom.report.page import report_page


@pytest.fixture(scope="module")
def text() -> str:
    return report_page(contents_of(positioned_circuit(), "a word"))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def named(page: Page, what: str) -> list[str]:
    return [attributes[what] for _, attributes in page.elements if what in attributes]


def test_every_place_of_the_picture_opens_a_panel_of_its_own(page: Page) -> None:
    nodes = named(page, "data-node")
    assert sorted(nodes) == sorted(set(named(page, "data-panel"))) == sorted(set(nodes))
    assert {"embed@S2", "a0.h1@END", "a1.kv1@S2", "m0@END", "logits"} <= set(nodes)
    assert not [name for name in nodes if name.startswith(("span", "at ", "bottom", "top", "caption"))]


def test_every_edge_leads_from_place_to_place_and_is_told_with_its_span(page: Page) -> None:
    nodes = set(named(page, "data-node"))
    edges = {edge: a for _, a in page.elements if (edge := a.get("data-edge"))}
    assert set(edges) == {str(kept.edge) for kept in positioned_circuit().edges}
    for name, attributes in edges.items():
        assert {attributes["data-sender"], attributes["data-receiver"]} <= nodes
        assert f" at {Edge.named(name).span}: effect" in attributes["data-said"]
    links = [a for _, a in page.elements if "data-link" in a]
    assert links and all({a["data-sender"], a["data-receiver"]} <= nodes for a in links)
    of_panels = [name for name in named(page, "data-show") if "@" in name]
    assert of_panels and set(of_panels) <= nodes


def test_the_circuit_without_positions_stands_beside_it_and_is_no_second_picture_to_click(
    page: Page, text: str
) -> None:
    pictures = [a["class"] for tag, a in page.elements if tag == "svg" and "circuit" in a.get("class", "")]
    assert pictures == ["circuit", "plain-circuit"]
    assert 'class="hit"' not in text.partition('class="plain-circuit"')[2]
    assert "The same circuit without positions" in text
    assert f"of {positioned_circuit().n_edges:,}" in text


def test_a_circuit_without_positions_has_one_picture() -> None:
    plain = positioned_circuit().at_all_spans
    assert "plain-circuit" not in [a.get("class") for _, a in Page(report_page(contents_of(plain, "x"))).elements]
