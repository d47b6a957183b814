"""The model without some nodes is the circuit of all edges but theirs, in every architecture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import NAMES, crossed, random_prompts, tiny
from tiny_task import prepared

from acdc_custom.engine.circuit_run import run_circuit
from acdc_custom.engine.knock_out import KnockOut
from acdc_custom.graph import Place, Sender


@pytest.mark.parametrize("name", crossed(NAMES))
def test_the_model_without_nodes_is_the_circuit_of_all_other_edges(name: str) -> None:
    batch = prepared(tiny(name, 3))
    graph, (chunk,) = batch.model.graph, batch.chunks
    nodes = [Sender.parse(node) for node in ("a0.h1", "a1.h2", "m0")]
    nodes = [node for node in nodes if node in graph.index]
    knock_out = KnockOut(chunk, nodes)
    for gone in ([], nodes[:1], nodes[1:], nodes):
        edges = [edge for edge in graph.edges() if edge.sender not in gone]
        expected = run_circuit(batch.model, chunk.tokens, edges, chunk.carried)
        torch.testing.assert_close(knock_out.without(gone), expected)


def test_a_node_that_is_gone_makes_a_difference() -> None:
    batch = prepared(tiny("gpt2", 3))
    (chunk,) = batch.chunks
    node = Sender.parse("m1")
    assert not torch.allclose(KnockOut(chunk, [node]).without([node]), chunk.model_normed)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "attention only, rotary"])
def test_without_a_node_at_a_span_it_is_the_circuit_of_all_other_edges_at_spans(name: str) -> None:
    prompts = [replace(prompt, positions={"A": 2, "B": 3}) for prompt in random_prompts(2)]
    batch = prepared(tiny(name, 3), prompts)
    graph, (chunk,) = batch.model.graph, batch.chunks
    written = ("a0.h1@A", "a0.h1@B", "a1.h2@END", "m0@B", "m0@nowhere")
    places = [place for place in map(Place.read, written) if place.node in graph.index]
    edges = [edge for edge in graph.edges_at(chunk.spans.names) if Place(edge.sender, edge.span) not in places]
    found = KnockOut(chunk, {place.node for place in places}).without_places(places)
    torch.testing.assert_close(found, run_circuit(batch.model, chunk.tokens, edges, chunk.carried))
