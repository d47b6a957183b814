"""Circuits in other tools' forms, read back."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx
import pytest
from circuits import scored_circuit

from acdc_custom.choices import ExportForm
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.export.dot import to_dot
from acdc_custom.export.exchange import write
from acdc_custom.export.graphs import to_graphml, to_json_graph
from acdc_custom.export.mib import to_mib

Make = Callable[..., Circuit]
SHAPES = [
    {"n": 30},
    {"n": 121, "layers": 8, "heads": 9, "kv_heads": 3},
    {"n": 400, "layers": 12, "heads": 12},
    {"n": 30, "has_mlp": False},
    {"n": 0},
]
HOSTILE = '<script>"&\x00\x1b]]> é'


def edges_of(circuit: Circuit) -> dict[tuple[str, str], float]:
    return {(str(kept.edge.sender), str(kept.edge.receiver)): kept.effect for kept in circuit.edges}


# -- graphs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["graphml", "json-graph"])
def test_a_graph_that_networkx_reads_back_has_every_edge_and_its_effect(
    make: Make, tmp_path: Path, shape: dict[str, int], form: str
) -> None:
    circuit = make(**shape)
    path = write(circuit, form, tmp_path / "new" / "edges")
    if form == "graphml":
        graph = networkx.read_graphml(path, force_multigraph=True)
    else:
        graph = networkx.node_link_graph(json.loads(path.read_text()), edges="edges")
    read = {(sender, data["receiver"]): data["effect"] for sender, _, data in graph.edges(data=True)}
    assert read == edges_of(circuit)
    expected = circuit.to_networkx()
    assert sorted((u, v, data["port"]) for u, v, data in graph.edges(data=True)) == sorted(expected.edges(keys=True))
    assert set(graph.nodes) == {*expected.nodes, "logits"}
    for name, data in graph.nodes(data=True):
        if data["kind"] == "head":
            assert name == f"a{data['layer']}.h{data['head']}" and data["label"] == f"L{data['layer']}H{data['head']}"
    assert graph.graph["threshold"] == 0.01 and graph.graph["task"] == "latest_s"


def test_a_graph_of_scored_edges_says_so_and_has_no_threshold(tmp_path: Path) -> None:
    graph = networkx.read_graphml(write(scored_circuit(), "graphml", tmp_path / "edges"), force_multigraph=True)
    assert graph.graph["method"] == "eap-ig" and "threshold" not in graph.graph


@pytest.mark.parametrize("shape", SHAPES)
def test_every_edge_of_graphml_has_an_id_of_its_own(make: Make, shape: dict[str, int]) -> None:
    root = ElementTree.fromstring(to_graphml(make(**shape)))
    ids = [element.get("id") for element in root.iter() if element.tag.endswith("}edge")]
    assert None not in ids and len(set(ids)) == len(ids)


def test_whatever_a_task_is_called_the_graphs_can_be_read(make: Make) -> None:
    circuit = make(task=HOSTILE, model=HOSTILE)
    assert networkx.parse_graphml(to_graphml(circuit)).graph["task"] == '<script>"&\ufffd\ufffd]]> é'
    assert json.loads(to_json_graph(circuit))["graph"]["task"] == '<script>"&\ufffd\ufffd]]> é'


# -- MIB ----------------------------------------------------------------------------------------------------


def read_mib(text: str) -> tuple[dict, dict[str, bool], dict[str, dict]]:
    content = json.loads(text)
    assert set(content) == {"cfg", "nodes", "edges"}
    return content["cfg"], {name: node["in_graph"] for name, node in content["nodes"].items()}, content["edges"]


def their_graph(cfg: dict) -> tuple[list[str], set[str]]:
    """Nodes and edges of their graph, written anew from what the form says: no grouped heads, no missing MLPs."""
    nodes, edges, stream = ["input"], set(), ["input"]
    for layer in range(cfg["n_layers"]):
        heads, mlp = [f"a{layer}.h{head}" for head in range(cfg["n_heads"])], f"m{layer}"
        nodes += [*heads, mlp]
        edges |= {f"{sender}->{head}<{port}>" for sender in stream for head in heads for port in "qkv"}
        edges |= {f"{sender}->{mlp}" for sender in (stream if cfg["parallel_attn_mlp"] else [*stream, *heads])}
        stream += [*heads, mlp]
    return [*nodes, "logits"], edges | {f"{sender}->logits" for sender in stream}


MIB_SHAPES = [shape for shape in SHAPES if shape.get("has_mlp", True)]


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("shape", MIB_SHAPES)
def test_mib_has_the_whole_graph_as_they_name_it(make: Make, shape: dict[str, int], parallel: bool) -> None:
    circuit = make(**{**shape, "n": 0})
    circuit = replace(circuit, shape=replace(circuit.shape, parallel=parallel))
    cfg, nodes, edges = read_mib(to_mib(circuit, 64))
    expected_nodes, expected_edges = their_graph(cfg)
    assert cfg == {
        "n_layers": circuit.shape.n_layers,
        "n_heads": circuit.shape.n_heads,
        "parallel_attn_mlp": parallel,
        "d_model": 64,
    }
    assert list(nodes) == expected_nodes
    assert set(edges) == expected_edges
    assert [name for name, there in nodes.items() if there] == ["logits"]
    assert all(edge == {"score": 0.0, "in_graph": False} for edge in edges.values())


@pytest.mark.parametrize("shape", MIB_SHAPES)
def test_mib_has_the_circuit_and_its_effects_and_can_be_read_back(make: Make, shape: dict[str, int]) -> None:
    circuit = make(**shape)
    _, nodes, edges = read_mib(to_mib(circuit, 64))
    size = circuit.shape.group_size
    read: dict[tuple[str, str], list[float]] = {}
    for name, edge in edges.items():
        if not edge["in_graph"]:
            assert edge["score"] == 0
            continue
        sender, receiver = name.replace("input", "embed").split("->")
        if found := re.fullmatch(r"a(\d+)\.h(\d+)<([qkv])>", receiver):
            layer, head, port = found.groups()
            shared = size > 1 and port != "q"
            receiver = f"a{layer}.kv{int(head) // size}.{port}" if shared else f"a{layer}.h{head}.{port}"
        read.setdefault((sender, receiver), []).append(edge["score"])
    expected = edges_of(circuit)
    assert read == {edge: [effect] * (size if ".kv" in edge[1] else 1) for edge, effect in expected.items()}
    alive = {"input" if str(node) == "embed" else str(node) for node in circuit.nodes}
    assert {name for name, there in nodes.items() if there} == alive | {"logits"}


def test_a_shared_key_is_written_for_each_head_of_its_group(make: Make) -> None:
    circuit = make(heads=4, kv_heads=2, layers=2, edges=["embed -> a1.kv1.k 0.5", "a1.h3 -> logits 1"])
    _, _, edges = read_mib(to_mib(circuit, 64))
    kept = {name: edge["score"] for name, edge in edges.items() if edge["in_graph"]}
    assert kept == {"input->a1.h2<k>": 0.5, "input->a1.h3<k>": 0.5, "a1.h3->logits": 1.0}


def test_an_attention_only_model_has_no_such_file(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="demo-4l is attention-only, and the form mib has an MLP in every layer"):
        write(make(has_mlp=False), ExportForm.MIB, tmp_path / "x", 64)
    with pytest.raises(UsageError, match="give d_model"):
        write(make(), ExportForm.MIB, tmp_path / "x")


# -- tables and files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_has_every_edge_in_the_circuits_order_with_its_exact_effect(
    make: Make, tmp_path: Path, shape: dict[str, int]
) -> None:
    circuit = make(**shape)
    rows = list(csv.DictReader(io.StringIO(write(circuit, "csv", tmp_path / "x").read_text())))
    assert [(row["sender"], row["receiver"], float(row["effect"])) for row in rows] == [
        (*edge, effect) for edge, effect in edges_of(circuit).items()
    ]
    assert all(row["port"] == (row["receiver"][-1] if row["receiver"][-1] in "qkv" else "") for row in rows)


def test_dot_has_every_edge_however_many_there_are(make: Make, tmp_path: Path) -> None:
    circuit = make(n=400, layers=12, heads=12)
    text = write(circuit, "dot", tmp_path / "x").read_text(encoding="utf-8")
    assert text.count(": effect ") == 400 > to_dot(circuit).count(": effect ")


def test_a_file_that_cannot_be_written_is_said(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match=r"file/edges\.csv could not be written"):
        write(make(), "csv", tmp_path / "file" / "edges.csv")
