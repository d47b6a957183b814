"""The picture and the page: whose everything is can be seen, and nothing from outside runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circuits import EDGES
from compared import OTHER, entries_of
from pages import Page
from report_contents import HOSTILE, hostile_circuit

from acdc_custom.compare.comparison import Comparison, Crossing, compare_circuits
from acdc_custom.compare.entry import Entry
from acdc_custom.compare.page import comparison_page, per_cent
from acdc_custom.compare.picture import BOTH, FIRST, SECOND, SharedPaint, draw_comparison
from acdc_custom.compare.words import finding

SVG = "{http://www.w3.org/2000/svg}"


def colours(path: Path) -> dict[str, str]:
    """The colour of each edge of a picture."""
    svg = ElementTree.fromstring(path.read_bytes())
    groups = (
        g for g in svg.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "edge" and "--" in g.get("id", "")
    )
    return {g.get("id", ""): next(g.iter("{http://www.w3.org/2000/svg}path")).get("stroke", "") for g in groups}


def test_two_circuits_have_three_colours(comparison: Comparison, tmp_path: Path) -> None:
    drawn = colours(draw_comparison(comparison, tmp_path / "new" / "both.svg"))
    assert drawn == {
        "m1--logits": BOTH,
        "a1.h0--m1": BOTH,
        "embed--a1.kv0.k": FIRST,
        "embed--m1": FIRST,
        "a1.h2--logits": SECOND,
    }
    assert [(group.meaning, group.n_edges) for group in SharedPaint(comparison).groups()] == [
        ("in A only", 2),
        ("in B only", 1),
        ("in both", 2),
    ]


def test_more_circuits_are_the_darker_the_more_of_them_have_an_edge(tmp_path: Path) -> None:
    three = compare_circuits(entries_of(EDGES, OTHER, {("m1", "logits"): 1.0}), draws=20)
    groups = SharedPaint(three).groups()
    assert [(group.meaning, group.n_edges) for group in groups] == [
        ("in 1 circuit", 3),
        ("in 2 circuits", 1),
        ("in all 3", 1),
    ]
    brightness = [sum(int(group.colour[place : place + 2], 16) for place in (1, 3, 5)) for group in groups]
    assert brightness == sorted(brightness, reverse=True)
    drawn = colours(draw_comparison(three, tmp_path / "three.svg"))
    assert drawn["m1--logits"] == groups[2].colour and drawn["embed--m1"] == groups[0].colour


def test_circuits_without_edges_make_a_picture_and_a_page(tmp_path: Path) -> None:
    nothing = compare_circuits(entries_of({}, {}), draws=20)
    assert "in both: 0 edges" in draw_comparison(nothing, tmp_path / "none.svg").read_text(encoding="utf-8")
    page = Page(comparison_page(nothing))
    assert "There is nothing to draw: none of the circuits has an edge." in page.texts


def test_nothing_from_outside_becomes_markup(tmp_path: Path) -> None:
    circuit = hostile_circuit()
    (known,) = entries_of(EDGES)
    entries = tuple(Entry(letter, HOSTILE, Path("x"), circuit, known.heads) for letter in "AB")
    crossings = [Crossing(name, 4, "A", circuit.outcome, circuit.outcome) for name in "AB"]
    comparison = compare_circuits(entries, 20, crossings=crossings)
    text = comparison_page(comparison)
    page = Page(text)
    assert page.all("script") == [{}]
    assert not page.all("img") and not any(name.startswith("on") for _, a in page.elements for name in a)
    (policy,) = (a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert not re.search(r'(?:src|href)="(?!#)', text)
    svg = draw_comparison(comparison, tmp_path / "x.svg").read_text(encoding="utf-8")
    assert "<script" not in svg
    ElementTree.fromstring(svg)


def test_the_page_says_what_it_does_not_show_and_how_the_circuits_do_on_each_others_prompts(
    comparison: Comparison,
) -> None:
    texts = " ".join(Page(comparison_page(comparison)).texts)
    assert "No circuit was run on another's prompts." in texts
    crossings = tuple(
        Crossing(edges, 4, prompts, entry.circuit.outcome, entry.circuit.outcome)
        for edges in ("A", "B", "shared by all")
        for prompts, entry in zip("AB", comparison.entries, strict=True)
    )
    texts = " ".join(Page(comparison_page(replace(comparison, crossings=crossings))).texts)
    assert "on B's prompts" in texts and "80%" in texts and "No circuit was run" not in texts
    assert "A shared edge is a shared connection, not a shared computation." in texts


def test_the_first_sentence_gives_the_counts(comparison: Comparison) -> None:
    assert finding(comparison).startswith("A and B share 2 edges, of 4 in A and 3 in B.")


@pytest.mark.parametrize(
    ("share", "text"), [(None, "-"), (0.0, "0%"), (1e-9, "<0.1%"), (0.012, "1.2%"), (0.5, "50%"), (1.0, "100%")]
)
def test_a_share_is_shown_as_it_is(share: float | None, text: str) -> None:
    assert per_cent(share) == text
