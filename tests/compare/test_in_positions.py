"""Circuits in positions: compared at the spans that all of them have, and whatever the span."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from circuits import EDGES as PLAIN
from circuits import circuit_of
from compared import SHAPE, check_damage_is_told, heads_of
from pages import Page

from acdc_custom.circuit.circuit import Circuit, KeptEdge, Span
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.chance import against_chance
from acdc_custom.compare.comparison import Comparison, compare_circuits
from acdc_custom.compare.content import JSON_NAME, load_comparison, recorded, to_json, write_comparison
from acdc_custom.compare.entry import Entry, load_entries
from acdc_custom.compare.heads_picture import heads_picture
from acdc_custom.compare.page import comparison_page
from acdc_custom.compare.picture import BOTH, FIRST, SECOND, draw_comparison
from acdc_custom.compare.summary import summarize_comparison
from acdc_custom.compare.words import finding
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge
from acdc_custom.heads.evidence import Role

NAMES = ("start", "S1", "S2", "END")
# a1.h0 -> m1 is in both, at S1 and END here, at S2 and END there; all else at END.
HERE = {
    "m1@END -> logits@END": 1.0,
    "a1.h0@S1 -> m1@S1": 0.5,
    "a1.h0@END -> m1@END": 0.25,
    "embed@S1 -> a1.kv0.k@S1": 0.25,
}
THERE = {
    "m1@END -> logits@END": 1.0,
    "a1.h0@S2 -> m1@S2": 0.5,
    "a1.h0@END -> m1@END": 0.25,
    "a1.h2@END -> logits@END": 0.25,
}


def at(edges: dict[str, float], names: Sequence[str] = NAMES) -> Circuit:
    kept = tuple(KeptEdge(Edge.named(name), effect) for name, effect in edges.items())
    return replace(circuit_of(SHAPE, {}), edges=kept, spans=tuple(Span(name, f"a {name}") for name in names))


def load(folder: Path, *circuits: Circuit, positions: bool | None = None) -> tuple[Entry, ...]:
    """As `acdc-custom compare` reads them; the first two have roles."""
    for number, circuit in enumerate(circuits):
        circuit.save(folder / f"run{number}")
    for number, role in enumerate((Role.NAME_MOVER, Role.INDUCTION)):
        heads_of(role).save(folder / f"run{number}")
    return load_entries([folder / f"run{number}" for number in range(len(circuits))], positions)


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    return compare_circuits(load(tmp_path, at(HERE), at(THERE)), draws=20)


def shared(comparison: Comparison | None, part: Part) -> tuple[int, float | None]:
    assert comparison is not None
    (pair,) = (pair for pair in comparison.pairs if pair.part is part)
    return pair.overlap.n_shared, pair.overlap.jaccard


def test_an_edge_at_two_spans_is_two_edges_and_one_whatever_the_span(compared: Comparison) -> None:
    assert shared(compared, Part.EDGES) == (2, 2 / 6)
    assert shared(compared.whatever_span, Part.EDGES) == (2, 2 / 4)
    # Of heads, a1.h0 is at S1 and END in the one, at S2 and END in the other, which has a1.h2 at END.
    assert shared(compared, Part.HEADS) == (1, 1 / 4)
    assert shared(compared.whatever_span, Part.HEADS) == (1, 1 / 2)
    assert list(map(str, compared.private_to(Part.NODES, "A"))) == ["embed@S1", "a1.h0@S1"]


def test_a_circuit_with_itself_is_the_same_at_spans(tmp_path: Path) -> None:
    same = compare_circuits(load(tmp_path, at(HERE), at(HERE)), draws=20)
    for part in Part:
        assert shared(same, part)[1] == shared(same.whatever_span, part)[1] == 1
        assert not same.private_to(part, "A") and not same.private_to(part, "B")
    assert "share 4 edges at spans, of 4 in A and 4 in B" in finding(same) and "differ" not in finding(same)


def test_whatever_the_span_it_is_the_comparison_without_positions(compared: Comparison, tmp_path: Path) -> None:
    merged = [circuit.at_all_spans for circuit in (at(HERE), at(THERE))]
    plain = json.loads(to_json(compare_circuits(load(tmp_path / "merged", *merged), draws=20)))
    asked = json.loads(to_json(compare_circuits(load(tmp_path, at(HERE), at(THERE), positions=False), draws=20)))
    both = json.loads(to_json(compared))
    assert both["whatever_span"] == {part: plain[part] for part in ("pairs", "edges", "nodes", "heads")}
    for found in (plain, asked):
        assert "whatever_span" not in found and "spans" not in found
        found["circuits"], found["notes"] = [], []
    assert plain == asked


def test_random_circuits_keep_to_spans_and_mean_the_same_in_every_circuit() -> None:
    # Nothing but its span tells these apart: no head that changes places makes them share it.
    here, there = at({"a1.h0@S1 -> m1@S1": 1.0}), at({"a1.h0@S2 -> m1@S2": 1.0})
    backwards = replace(at(HERE), edges=at(HERE).edges[::-1])
    shuffled = list(NullModel).index(NullModel.SHUFFLED)
    never = against_chance([here, there], 50, 0)[Part.EDGES, 0, 1][shuffled].jaccard
    assert never is not None and (never.observed, never.mean) == (0, 0)
    for one, other in ((here, here), (at(HERE), backwards)):
        alike = against_chance([one, other], 50, 0)[Part.EDGES, 0, 1][shuffled].jaccard
        assert alike is not None and alike.observed == 1 and 0 < alike.mean < 1


def test_roles_stand_where_they_are(compared: Comparison) -> None:
    # A name mover is one at END; at S1 the head is no mover. An induction head is one wherever it is.
    roles = {(str(head.member), letter): head.roles(letter) for head in compared.heads for letter in head.rows}
    assert roles["a1.h0@END", "A"][0] is Role.NAME_MOVER and roles["a1.h0@S1", "A"] == ()
    assert roles["a1.h0@END", "B"][0] is roles["a1.h0@S2", "B"][0] is Role.INDUCTION
    assert ("a1.h0@S2", "A") not in roles, "A does not have it there"
    assert {str(head.member): head.differs for head in compared.heads} == {
        "a1.h0@END": True,
        "a1.h0@S1": False,
        "a1.h0@S2": False,
        "a1.h2@END": False,
    }
    text = " ".join(summarize_comparison(compared).split())
    assert "1 head at spans in several circuits, 1 with different roles L1H0@END A name mover; B induction" in text
    texts = " ".join(Page(comparison_page(compared)).texts)
    assert "in the circuit; no role here" in texts and "not in the circuit here, but at S2, END" in texts


def test_the_table_has_the_row_at_spans_and_below_it_any_span(compared: Comparison) -> None:
    lines = [line.split() for line in summarize_comparison(compared).splitlines()]
    first = lines.index(next(line for line in lines if line[:2] == ["A-B", "edges"]))
    assert lines[first][2:6] == ["2", "50%", "50%", "0.333"]
    assert lines[first + 1][:6] == ["any", "span", "2", "67%", "67%", "0.500"]
    assert all(len(line) <= 80 for line in summarize_comparison(compared).splitlines())
    assert "Whatever the span, they share 2 edges, of 3 and 3: a Jaccard index of 0.500." in finding(compared)


def test_the_file_has_both_and_loads_back(compared: Comparison, tmp_path: Path) -> None:
    write_comparison(compared, tmp_path)
    assert load_comparison(tmp_path) == recorded(compared)
    content = json.loads((tmp_path / JSON_NAME).read_text(encoding="utf-8"))
    assert [span["name"] for span in content["spans"]] == list(NAMES)
    edges = {(row["sender"], row["receiver"], row["span"]): row["in"] for row in content["edges"]}
    assert edges["a1.h0", "m1", "END"] == ["A", "B"] and edges["a1.h0", "m1", "S1"] == ["A"] and len(edges) == 6
    (head,) = (row for row in content["heads"] if (row["head"], row["span"]) == ("a1.h0", "S1"))
    assert (head["roles"], head["in"]) == ({"A": []}, ["A"])
    assert {row["node"] for row in content["whatever_span"]["nodes"]} == {"embed", "a1.h0", "a1.h2", "m1"}
    assert not any("span" in row for part in ("edges", "nodes", "heads") for row in content["whatever_span"][part])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["whatever_span"].pop("edges"), 'whatever_span has to be an object with "edges", which is missing'),
        (lambda c: c["whatever_span"]["edges"][0].update(sender="x"), '"x" is not a sender'),
        (lambda c: c["heads"][0].update(span=3), r"heads\[0\].span is 3, expected str"),
        (lambda c: c.update(spans=["S1"]), r"spans\[0\] is 'S1', expected an object"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(
    spoil: Callable[[Any], Any], message: str, compared: Comparison, tmp_path: Path
) -> None:
    check_damage_is_told(compared, spoil, message, tmp_path)


def test_spans_that_not_all_have_are_left_out_and_named(tmp_path: Path) -> None:
    names = ("start", "IO", "S1", "END")
    other = {"m1@END -> logits@END": 1.0, "a1.h0@S1 -> m1@S1": 0.5, "a1.h0@IO -> m1@IO": 0.5}
    found = compare_circuits(load(tmp_path, at(HERE), at(other, names)), draws=20)
    assert [span.name for span in found.spans] == ["start", "S1", "END"]
    assert {kept.edge.span for entry in found.entries for kept in entry.circuit.edges} == {"S1", "END"}
    (note,) = found.notes
    assert "that all of them have: start, S1, END. A also has S2 without edges; B also has IO (1 edge)." in note
    assert 'Edges there count in the rows "any span" alone' in note
    assert shared(found, Part.EDGES) == (2, 2 / 4) and shared(found.whatever_span, Part.EDGES) == (2, 2 / 3)
    elsewhere = json.loads(to_json(found))["circuits"][1]["elsewhere"]
    assert elsewhere == [{"span": "IO", "n_edges": 1}]
    assert "2 edges, 2 nodes at the 3 spans that all have (1 edge at others)" in " ".join(
        summarize_comparison(found).split()
    )
    svg = draw_comparison(found, tmp_path / "both.svg").read_text(encoding="utf-8")
    assert "at others are more: B 1 edge." in svg and "a IO" not in svg


@pytest.mark.parametrize(
    ("other", "positions", "why"),
    [
        (circuit_of(SHAPE, PLAIN), None, ", since B has none."),
        (at({"m1@END -> logits@END": 1.0}, ("start", "X", "END")), None, "they share start and END alone."),
        (at(THERE), False, "3 edges)."),
    ],
)
def test_circuits_that_share_no_spans_are_compared_without(
    other: Circuit, positions: bool | None, why: str, tmp_path: Path
) -> None:
    found = compare_circuits(load(tmp_path, at(HERE), other, positions=positions), draws=20)
    assert not found.in_positions and found.whatever_span is None
    assert "Circuits in positions are compared without them" in found.notes[0] and found.notes[0].endswith(why)


def test_spans_that_are_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"since B \(run1\) has none. Leave --positions out"):
        load(tmp_path, at(HERE), circuit_of(SHAPE, PLAIN), positions=True)
    few = load(tmp_path, at(HERE), at(THERE, ("S2", "END")), positions=True)
    assert {span.name for entry in few for span in entry.circuit.spans} == {"S2", "END"}
    with pytest.raises(UsageError, match="at different spans"):
        compare_circuits((few[0], replace(few[1], circuit=at(THERE))), draws=20)


def test_the_picture_is_in_columns_and_a_colour_says_whose_an_edge_is(compared: Comparison, tmp_path: Path) -> None:
    path = draw_comparison(compared, tmp_path / "both.svg")
    svg = ElementTree.fromstring(path.read_bytes())
    groups = [
        g for g in svg.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "edge" and "--" in g.get("id", "")
    ]
    drawn = {g.get("id"): next(g.iter("{http://www.w3.org/2000/svg}path")).get("stroke") for g in groups}
    assert drawn == {
        "m1--logits@END": BOTH,
        "a1.h0--m1@END": BOTH,
        "a1.h0--m1@S1": FIRST,
        "embed--a1.kv0.k@S1": FIRST,
        "a1.h0--m1@S2": SECOND,
        "a1.h2--logits@END": SECOND,
    }
    text = path.read_text(encoding="utf-8")
    assert "a S1" in text and "A: induction" not in text and "A: name mover" in text


def test_a_node_of_the_page_has_its_share_at_its_span_and_the_picture_without_positions_beside_it(
    compared: Comparison,
) -> None:
    text = comparison_page(compared)
    page = Page(text)
    assert {"a1.h0@S1", "a1.h0@END", "m1@S2"} <= {a["data-panel"] for a in page.all("article")}
    shown = {a["data-show"] for a in page.all("a") if "data-show" in a}
    assert shown <= {a["data-node"] for a in page.all("g") if "data-node" in a}
    assert "The same circuits without positions" in text and page.texts.count("any span") == 11


def test_three_circuits_are_a_table_of_heads_at_spans(tmp_path: Path) -> None:
    three = compare_circuits(load(tmp_path, at(HERE), at(THERE), at(HERE)), draws=20)
    axes = heads_picture(three).main
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["L1H0@END", "L1H0@S1", "L1H0@S2", "L1H2@END"]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells[0, 0] == "NM 33" and cells[0, 1] == "67", "a mover at END alone"
    assert "All share 2 edges, 2 nodes and 1 head at spans" in summarize_comparison(three)
    assert "All 3 circuits share 2 edges at spans (whatever the span, 2)." in finding(three)


def test_circuits_without_edges_at_spans_make_a_picture_and_a_page(tmp_path: Path) -> None:
    nothing = compare_circuits(load(tmp_path, at({}), at({})), draws=20)
    assert "in both: 0 edges" in draw_comparison(nothing, tmp_path / "none.svg").read_text(encoding="utf-8")
    assert "There is nothing to draw: none of the circuits has an edge." in Page(comparison_page(nothing)).texts
