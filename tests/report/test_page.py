"""The report as a file: its parts, its structure, and that nothing in it can run or load but what is ours."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from circuits import example_circuit
from pages import Page
from report_contents import HOSTILE, beside_of, contents_of, hostile_circuit

from acdc_custom.circuit.circuit import KeptEdge
from acdc_custom.graph import Graph, GraphShape
from acdc_custom.report.attention_view import AttentionData, AttentionHead, AttentionPrompt, attention_page
from acdc_custom.report.beside import RelatedResults
from acdc_custom.report.page import outline, report_page
from acdc_custom.stability.words import verdict

TEN_MEGABYTES = 10_000_000


@pytest.fixture(scope="module")
def attention_alone() -> str:
    data = contents_of(hostile_circuit()).attention
    assert data is not None
    return attention_page(data, HOSTILE, HOSTILE)


@pytest.fixture(params=["report", "attention"])
def any_page(request: pytest.FixtureRequest, hostile_page: str, attention_alone: str) -> str:
    return {"report": hostile_page, "attention": attention_alone}[request.param]


def test_text_from_outside_never_becomes_an_element_an_attribute_or_a_template(any_page: str) -> None:
    page = Page(any_page)
    assert not page.open
    scripts = [attributes for attributes in page.all("script") if attributes.get("type") != "application/json"]
    assert scripts == [{}]
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert tag not in ("iframe", "object", "embed", "form", "base")
    assert "gotcha" not in page.inside["script"][-1] and "49" not in page.all("title")
    assert not [image for image in page.all("img") if not image["src"].startswith("data:")]
    assert HOSTILE in "".join(page.texts)
    assert "<script>alert" not in any_page


def test_nothing_is_loaded_from_anywhere(any_page: str) -> None:
    page = Page(any_page)
    for _, attributes in page.elements:
        for name in ("src", "srcset", "href", "xlink:href", "action", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    for style in page.inside["style"] + [attributes.get("style", "") for _, attributes in page.elements]:
        assert "url(" not in style and "@import" not in style
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import("):
        assert word not in page.inside["script"][-1]


def test_the_policy_lets_our_script_run_and_nothing_else(any_page: str) -> None:
    page = Page(any_page)
    (policy,) = (m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    digest = base64.b64encode(hashlib.sha256(page.inside["script"][-1].encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert any_page.index("Content-Security-Policy") < any_page.index("<style>")


def test_the_data_of_the_attention_viewer_survives_hostile_tokens(any_page: str) -> None:
    (data,) = [text for text in Page(any_page).inside["script"] if text.startswith("{")]
    expected = contents_of(hostile_circuit()).attention
    assert expected is not None
    assert json.loads(data) == json.loads(json.dumps(expected.to_content()))


def test_identifiers_are_unique_and_what_refers_to_them_finds_them(any_page: str) -> None:
    page = Page(any_page)
    names = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert set(names.values()) == {1}
    for _, attributes in page.elements:
        wanted = [attributes[key] for key in ("aria-labelledby", "for") if key in attributes]
        wanted += [attributes["href"][1:]] if attributes.get("href", "").startswith("#") else []
        assert set(wanted) <= set(names), attributes


def test_headings_go_down_one_level_at_a_time_and_landmarks_are_there(hostile_page: str) -> None:
    page = Page(hostile_page)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(lower - upper <= 1 for upper, lower in pairwise(levels))
    for landmark in ("main", "nav", "header", "footer", "aside"):
        assert len(page.all(landmark)) == 1, landmark
    assert page.all("html") == [{"lang": "en"}]
    assert {m.get("name") for m in page.all("meta")} >= {"viewport"}


def test_every_picture_button_and_list_has_words(hostile_page: str) -> None:
    page = Page(hostile_page)
    assert all(image["alt"].strip() for image in page.all("img"))
    assert all(box.get("aria-label") for tag, box in page.elements if box.get("tabindex") == "0" and tag == "div")
    assert all(node.get("aria-label") for tag, node in page.elements if tag == "g" and "data-node" in node)


def test_the_contents_name_every_part_in_order(hostile_page: str) -> None:
    page = Page(hostile_page)
    parts = [section["id"] for section in page.all("section")]
    circuit = hostile_circuit()
    assert parts == [part.name for part in outline(contents_of(circuit), beside_of(circuit))]
    before, after = ["circuit", "question", "model", "does"], ["roles", "heads", "figures", "search", "again", "limits"]
    assert parts == [*before, "believed", "stable", *after]
    links = [link["href"] for link in page.all("a") if link.get("href", "").removeprefix("#") in parts]
    assert links[: len(parts)] == [f"#{part}" for part in parts]


@pytest.mark.usefixtures("undrawn")
def test_what_there_is_nothing_of_has_no_part() -> None:
    contents = replace(contents_of(example_circuit(), "text", attention=False), heads=None, figures=(), facts={})
    page = Page(report_page(contents))
    assert {"roles", "heads", "figures"}.isdisjoint(section["id"] for section in page.all("section"))
    assert not [box for _, box in page.elements if box.get("id") == "attention"]


@pytest.mark.usefixtures("undrawn")
def test_what_has_not_been_found_out_yet_is_a_command_away() -> None:
    text = report_page(contents_of(example_circuit(), "text"), RelatedResults("results/my run"))
    assert "acdc-custom evaluate &#39;results/my run&#39;" in text
    assert "acdc-custom stability --task text --model text --threshold 0.01" in text
    assert 'id="stable"' not in text


@pytest.mark.usefixtures("undrawn")
def test_a_consensus_without_its_study_says_where_it_would_be() -> None:
    circuit = example_circuit()
    consensus = replace(circuit, search=replace(circuit.search, runs=20, share=0.5))
    page = Page(report_page(contents_of(consensus, "text")))
    assert {"believed", "stable"} <= {section["id"] for section in page.all("section")}
    said = " ".join(" ".join(page.texts).split())
    assert "is not in the folder above it" in said and "acdc-custom stability --task text" in said


@pytest.mark.usefixtures("undrawn")
def test_an_evaluation_and_a_study_are_told_with_their_figures_in_both_themes(hostile_page: str) -> None:
    circuit = hostile_circuit()
    beside = beside_of(circuit)
    without = Page(report_page(contents_of(circuit)))  # nothing is drawn here; all has been in the page with both
    page = Page(hostile_page)
    assert beside.evaluation is not None and beside.stability is not None
    assert len(page.all("picture")) == len(without.all("picture")) + 2
    images = {image["alt"]: image["src"] for image in page.all("img")}
    (evaluated,) = (about for about in images if beside.evaluation.verdict in about)
    assert images[evaluated] not in [source["srcset"] for source in page.all("source")], "one for each theme"
    said = " ".join(" ".join(page.texts).split())
    for finding in beside.evaluation.findings:
        assert f"{finding.question} {finding.grade}" in said
    assert verdict(beside.stability) in said
    assert "acdc-custom stability" not in said.partition("What this does not show")[0]


def test_every_node_of_the_picture_has_a_panel_and_every_link_a_node(hostile_page: str) -> None:
    page = Page(hostile_page)
    nodes = [g["data-node"] for g in page.all("g") if "data-node" in g]
    assert sorted(nodes) == ["a1.h0", "a1.kv0", "embed", "logits", "m1"]
    assert sorted(panel["data-panel"] for panel in page.all("article")) == sorted(nodes)
    assert {link["data-show"] for link in page.all("a") if "data-show" in link} <= set(nodes)
    ends = [
        (g["data-sender"], g["data-receiver"]) for g in page.all("g") if "data-sender" in g and "data-link" not in g
    ]
    assert sorted(ends) == [("a1.h0", "m1"), ("embed", "a1.kv0"), ("embed", "m1"), ("m1", "logits")]
    links = [(g["data-sender"], g["data-receiver"]) for g in page.all("g") if "data-link" in g]
    assert links == [("a1.kv0", "a1.h0")]


@pytest.mark.usefixtures("undrawn")
def test_a_circuit_without_edges_says_so() -> None:
    circuit = replace(example_circuit(), edges=())
    text = report_page(replace(contents_of(circuit, "text"), attention=None))
    assert "There is nothing to draw" in text
    assert "survived the search" in text
    assert not [box for _, box in Page(text).elements if "data-node" in box or "data-panel" in box]


@pytest.mark.usefixtures("undrawn")
def test_a_model_that_fails_and_a_circuit_that_is_no_number_are_told_in_words() -> None:
    circuit = example_circuit()
    weak = replace(circuit.outcome, model=replace(circuit.outcome.model, logit_diff=-1.0))
    assert "prefers the foil" in report_page(contents_of(replace(circuit, outcome=weak), "text"))
    same = replace(circuit.outcome, model=circuit.outcome.empty)
    assert math.isnan(same.faithfulness)
    assert "nan" not in report_page(contents_of(replace(circuit, outcome=same), "text"))


def test_the_largest_report_stays_below_ten_megabytes() -> None:
    shape = GraphShape(12, 12, 12)
    circuit = example_circuit()
    edges = tuple(KeptEdge(edge, 1 / (n + 1)) for n, edge in enumerate(islice(Graph(shape).edges(), 0, 30_000, 6)))
    heads = [AttentionHead(f"a{n}.h0", f"L{n}H0") for n in range(40)]
    prompts = [AttentionPrompt(f"Prompt {n}", ("token",) * 90) for n in range(2)]
    patterns = [[[[0.123] * 90] * 90] * 2] * 40
    contents = replace(
        contents_of(replace(circuit, shape=shape, edges=edges), "text"),
        attention=AttentionData.of(heads, prompts, patterns),
    )
    page = report_page(contents)
    assert 1_000_000 < len(page.encode()) < TEN_MEGABYTES
    assert "strongest of 5000 edges" in page
