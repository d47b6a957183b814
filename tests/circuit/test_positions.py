"""Circuits in positions: their file, and what they are without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from circuits import example_circuit
from positioned import EDGES, positioned_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.commands import command, stability_command
from acdc_custom.circuit.summary import summarize
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.graph import Edge, Graph, GraphShape


def test_a_circuit_in_positions_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    circuit = positioned_circuit()
    circuit.save(tmp_path)
    assert Circuit.load(tmp_path) == circuit
    content = json.loads((tmp_path / "circuit.json").read_text())
    assert content["edges"][0] == {"sender": "embed", "receiver": "a0.kv0.k", "span": "S 1", "effect": 0.5}
    assert content["spans"][1] == {"name": "S 1", "example": "Tom"}


def test_the_file_of_a_circuit_without_positions_knows_nothing_of_them() -> None:
    text = example_circuit().to_json()
    assert "span" not in text and "positions" not in text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda c: c["edges"][0].pop("span"), "the edge embed -> a0.kv0.k has no span"),
        (lambda c: c.pop("spans"), "has a span, and the circuit none"),
        (lambda c: c["edges"][0].update(span="S3"), 'there is no span "S3"'),
        (lambda c: c["edges"].append(c["edges"][0]), "is there twice"),
    ],
)
def test_what_cannot_be_is_an_error(change: Callable[[Any], object], error: str, tmp_path: Path) -> None:
    content = json.loads(positioned_circuit().to_json())
    change(content)
    (tmp_path / "circuit.json").write_text(json.dumps(content))
    with pytest.raises(ResultError, match=error):
        Circuit.load(tmp_path)


def test_merged_an_edge_has_the_largest_of_its_effects() -> None:
    merged = positioned_circuit().at_all_spans
    assert not merged.in_positions and len(merged.edges) == len(EDGES) - 1
    assert {str(kept.edge): kept.effect for kept in merged.edges}["embed -> a1.kv1.v"] == 0.125
    assert example_circuit().at_all_spans == example_circuit()


def test_the_summary_names_spans_and_counts_edges_at_all_of_them() -> None:
    text = summarize(positioned_circuit())
    graph = Graph(GraphShape(2, 4, 2))
    assert f"10 of {graph.n_edges_in(5):,} edges at 5 spans" in text
    assert "a1.h3@END -> logits@END" in text
    assert graph.n_edges_in(1) == graph.n_edges and graph.n_edges_in(5) == len(list(graph.edges_at("abcde")))


@pytest.mark.parametrize("name", [*EDGES, "a0.h0@a -> b -> m1@a -> b", "a0.h0@x@y -> m1@x@y", "a0.h0 -> m1"])
def test_the_name_of_an_edge_is_read_back(name: str) -> None:
    assert str(Edge.named(name)) == name


@pytest.mark.parametrize("name", ["a0.h0@S -> m1", "a0.h0 -> m1@S", "a0.h0@S -> m1@T", "a0.h0@ -> m1@"])
def test_an_edge_at_different_spans_is_none(name: str) -> None:
    with pytest.raises(UsageError):
        Edge.named(name)


def test_the_command_that_finds_it_again_has_positions() -> None:
    assert " --positions" in command("ioi", "demo-4l", positioned_circuit().settings)
    assert " --positions" in stability_command("ioi", "demo-4l", positioned_circuit().settings)
