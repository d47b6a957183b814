"""The picture and the exports of a circuit in positions."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from circuits import example_heads
from positioned import EDGES, SPANS, positioned_circuit

from acdc_custom.choices import ExportForm
from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.export.columns import WIDTHS, lay_out
from acdc_custom.export.columns_dot import to_column_dot
from acdc_custom.export.exchange import write
from acdc_custom.export.graphs import to_json_graph
from acdc_custom.export.picture import draw, render
from acdc_custom.export.selection import select
from acdc_custom.graph import Edge, Graph, GraphShape, Sender
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.summary import name_roles, summarize_heads
from acdc_custom.heads.table import HeadTable


def circuit_of(*names: str) -> Circuit:
    """With the spans of the circuit made by hand."""
    return replace(positioned_circuit(), edges=tuple(KeptEdge(Edge.named(name), 1.0) for name in names))


def test_everything_stands_in_the_column_of_its_span_and_nothing_on_anything_else() -> None:
    layout = lay_out(select(positioned_circuit()))
    columns = {column.span: column for column in layout.columns}
    assert [column.span for column in layout.columns] == [span.name for span in SPANS]
    for place in layout.places:
        span = place.name.partition("@")[2] or "END"
        half = WIDTHS[place.kind] / 2
        assert columns[span].left <= place.x - half and place.x + half <= columns[span].right
    for one in layout.places:
        beside = [o for o in layout.places if o is not one and (o.bottom < one.top and one.bottom < o.top)]
        assert all(abs(o.x - one.x) >= (WIDTHS[o.kind] + WIDTHS[one.kind]) / 2 for o in beside)
    edges = [(before.right, after.left) for before, after in zip(layout.columns, layout.columns[1:], strict=False)]
    assert all(right < left for right, left in edges)


def test_every_edge_leads_upwards_within_its_column_from_its_sender_to_its_receiver() -> None:
    layout = lay_out(select(positioned_circuit()))
    places = {place.name: place for place in layout.places}
    columns = {column.span: column for column in layout.columns}
    assert len(layout.lines) == len(EDGES)
    for line in layout.lines:
        column = columns[line.kept.edge.span]
        assert all(column.left <= x <= column.right for x, _ in line.points)
        assert line.points[0] == (places[line.sender].x, places[line.sender].top)
        assert line.points[-1][1] == places[line.receiver].bottom > line.points[0][1]
        assert len(line.points) % 3 == 1, "cubic curves"


def test_attention_leads_from_where_keys_and_values_are_read_to_the_heads_that_write_later() -> None:
    looks = {(look.source, look.head): look.ports for look in lay_out(select(positioned_circuit())).looks}
    assert {key: sorted(ports) for key, ports in looks.items()} == {
        ("a0.kv0@S 1", "a0.h1@END"): ["k"],
        ("a0.kv0@S2", "a0.h1@END"): ["v"],
        ("a1.kv1@S2", "a1.h3@END"): ["v"],
        ("a1.kv1@S 1", "a1.h3@END"): ["v"],
    }


def test_lines_that_pass_other_nodes_run_in_lanes_of_their_own() -> None:
    layout = lay_out(select(positioned_circuit()))
    places = [place for place in layout.places if place.name.endswith("@S2")]
    (long,) = [line for line in layout.lines if str(line.kept.edge) == "embed@S2 -> a1.kv1.v@S2"]
    lane = long.points[4][0]
    assert all(abs(lane - place.x) > WIDTHS[place.kind] / 2 for place in places)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot"])
def test_it_is_drawn_in_every_format_with_its_spans_an_example_and_tooltips(suffix: str, tmp_path: Path) -> None:
    path = draw(positioned_circuit(), tmp_path / f"circuit.{suffix}", heads=example_heads())
    assert path.stat().st_size > 1000
    if suffix != "svg":
        return
    svg = path.read_text()
    for span in SPANS:
        assert f">{span.name}</text>" in svg
    assert ">prompts)<" in svg and "When" in svg
    assert "a1.h3@END → logits@END: effect 2 nats" in svg
    assert "a1.h3 at END attends: values at S2" in svg
    for name in EDGES:
        sender, _, receiver = name.partition(" -> ")
        identifier = f"{sender.partition('@')[0]}--{receiver}"
        assert f'id="{identifier}"'.replace("-", "&#45;") in svg.replace("-", "&#45;")


def test_nothing_is_moved_by_graphviz() -> None:
    """What is drawn stands where the layout says: the distance of two heads, in points."""
    circuit = positioned_circuit()
    svg = render(to_column_dot(circuit), "svg").decode()  # type: ignore[arg-type]
    places = {place.name: place for place in lay_out(select(circuit)).places}
    found = {}
    for name in ("m0@S2", "m0@END"):
        texts = re.search(rf"<title>{name}</title>.*?<text[^>]* x=\"([-\d.]+)\"", svg, re.DOTALL)
        assert texts is not None
        found[name] = float(texts[1])
    assert found["m0@END"] - found["m0@S2"] == pytest.approx(places["m0@END"].x - places["m0@S2"].x, abs=0.6)


def test_fewer_edges_are_the_strongest_and_the_picture_says_so() -> None:
    dot = to_column_dot(positioned_circuit(), 3)
    assert "3 of 10 edges shown" in dot
    assert len(re.findall(r"id=\"?[a-z0-9.]+--", dot)) == 3


def test_a_circuit_in_positions_without_edges_is_drawn() -> None:
    dot = to_column_dot(replace(positioned_circuit(), edges=()))
    assert "No edge is in this circuit" in dot and render(dot, "svg")  # type: ignore[arg-type]


def test_graphs_and_tables_have_the_span_of_every_edge(tmp_path: Path) -> None:
    circuit = positioned_circuit()
    edges = json.loads(to_json_graph(circuit))["edges"]
    assert {edge["span"] for edge in edges} == {"S 1", "S2", "END"}
    assert len({(edge["source"], edge["target"], edge["key"]) for edge in edges}) == len(edges)
    rows = list(csv.DictReader(io.StringIO(write(circuit, ExportForm.CSV, tmp_path / "edges.csv").read_text())))
    assert [f"{row['sender']}@{row['span']} -> {row['receiver']}@{row['span']}" for row in rows] == list(EDGES)
    import networkx

    graph = networkx.read_graphml(write(circuit, ExportForm.GRAPHML, tmp_path / "edges.graphml"))
    assert sorted({data["span"] for *_, data in graph.edges(data=True)}) == ["END", "S 1", "S2"]
    assert {data["span"] for *_, data in circuit.to_networkx().edges(data=True)} == {"END", "S 1", "S2"}


def test_mib_has_the_edges_that_are_kept_at_any_span(tmp_path: Path) -> None:
    circuit = positioned_circuit()
    content = json.loads(write(circuit, ExportForm.MIB, tmp_path / "edges.json", d_model=16).read_text())
    kept = {name for name, edge in content["edges"].items() if edge["in_graph"]}
    assert "a1.h3->logits" in kept and content["edges"]["input->a1.h3<v>"]["score"] == 0.125
    per_edge = {"a0.kv0.k": 2, "a0.kv0.v": 2, "a1.kv1.v": 2}
    assert len(kept) == sum(per_edge.get(str(k.edge.receiver), 1) for k in circuit.at_all_spans.edges)
    assert len(content["edges"]) > Graph(GraphShape(2, 4, 2)).n_edges


def test_a_head_has_the_colour_of_a_role_at_end_there_alone() -> None:
    """The example's name mover is L1H0."""
    circuit = circuit_of("embed@S2 -> a1.kv0.v@S2", "a1.h0@END -> logits@END", "a1.h0@S2 -> m1@S2")
    boxes = re.findall(r'"(a1.h0@\w+)" \[label=<(.*?)> pos', to_column_dot(circuit, heads=example_heads()))
    assert {name: "NM" in label for name, label in boxes} == {"a1.h0@END": True, "a1.h0@S2": False}


@pytest.mark.parametrize(
    ("spans", "role", "where"),
    [
        ((), Role.NAME_MOVER, ""),
        (("S1", "END"), Role.NAME_MOVER, "at END"),
        (("S1",), Role.S_INHIBITION, "at END, where the circuit does not have it: it does at S1"),
        (("S1", "S2"), Role.INDUCTION, "at S1, S2"),
    ],
)
def test_a_role_is_had_where_the_head_writes(spans: tuple[str, ...], role: Role, where: str) -> None:
    row = replace(example_heads().rows[0], spans=spans, role=role)
    assert row.where == where and row.lines[0] == f"{role} {where}".rstrip()


def test_heads_are_read_back_with_their_spans_and_shown_with_them(tmp_path: Path) -> None:
    table = example_heads()
    table = replace(table, rows=(replace(table.rows[0], spans=("S1", "END")), *table.rows[1:]))
    table.save(tmp_path)
    assert HeadTable.load(tmp_path) == table
    assert "in the circuit at" in summarize_heads(table) and "L1H0 (END)" in name_roles(table)
    assert "in the circuit at" not in summarize_heads(example_heads()) and "spans" not in example_heads().to_json()
    assert positioned_circuit().written_at[Sender.parse("m0")] == ("S2", "END")
