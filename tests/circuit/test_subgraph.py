"""What can be done with the edges of a circuit: taken away, joined, compared, as a mask and as a table."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from circuits import EDGES, circuit_of, example_circuit
from positioned import positioned_circuit
from random_circuits import random_circuit

from acdc_custom.circuit.subgraph import Subgraph
from acdc_custom.errors import UsageError
from acdc_custom.graph import GraphShape, Sender, Stage

SHAPE = GraphShape(2, 4, 4)


def names(subgraph: Subgraph) -> list[str]:
    return [str(kept.edge) for kept in subgraph.edges]


def test_without_a_node_no_edge_leads_out_of_it_or_into_it() -> None:
    circuit = random_circuit(SHAPE, 60, 0)
    left = circuit.without("L0H2, MLP 0")
    gone = {Sender(0, Stage.HEAD, 2), Sender(0, Stage.MLP)}
    assert gone <= {*circuit.nodes}
    assert names(left) == [
        str(k.edge)
        for k in circuit.edges
        if k.edge.sender not in gone and not {*circuit.graph.nodes_of(k.edge.receiver)} & gone
    ]
    assert circuit.without(["a0.h2", Sender(0, Stage.MLP)]) == left


def test_what_heads_share_stays_until_all_of_them_are_gone() -> None:
    circuit = example_circuit()  # a1.kv0 is shared by a1.h0 and a1.h1
    assert "embed -> a1.kv0.k" in names(circuit.without("L1H0"))
    assert "embed -> a1.kv0.k" not in names(circuit.without("L1H0,L1H1"))
    assert "embed -> a1.kv0.k" in names(circuit.keep("L1H1"))


def test_kept_are_the_edges_among_the_nodes_the_embedding_and_the_logits() -> None:
    assert names(example_circuit().keep("MLP 1")) == ["m1 -> logits", "embed -> m1"]
    assert names(example_circuit().keep(lambda kept: kept.effect > 0.3)) == ["m1 -> logits", "a1.h0 -> m1"]
    assert names(example_circuit().keep([])) == []


def test_joining_and_comparing_are_those_of_sets() -> None:
    a, b = random_circuit(SHAPE, 40, 1), random_circuit(SHAPE, 50, 2)
    in_a, in_b = {*names(a)}, {*names(b)}
    assert in_a & in_b and in_a - in_b
    assert sorted(names(a | b)) == sorted(in_a | in_b)
    assert {*names(a & b)} == in_a & in_b
    assert {*names(a - b)} == in_a - in_b
    assert ((a - b) | (a & b)).keep(lambda kept: True).mask().sum() == len(in_a)


def test_an_edge_of_both_keeps_the_first_ones_effect_and_provenance() -> None:
    a, b = circuit_of(SHAPE, {("m1", "logits"): 1.0}), circuit_of(SHAPE, {("m1", "logits"): 2.0, ("m0", "m1"): 3.0})
    assert [kept.effect for kept in (a | b).edges] == [1.0, 3.0]
    assert [kept.effect for kept in (b & a).edges] == [2.0]
    assert (a | b).provenance == a.provenance


def test_circuits_of_two_models_are_not_joined() -> None:
    a = example_circuit()
    model = replace(a.model, weights_sha256="00" * 32, name="another")
    b = replace(a, provenance=replace(a.provenance, model=model))
    for join in (lambda: a | b, lambda: a & b, lambda: a - b):
        with pytest.raises(UsageError, match="these are edges of demo and of another"):
            join()
    with pytest.raises(TypeError):
        a | {1}  # type: ignore[operator]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ("L7H0", "a7.h0 is not in demo, which has 2 layers of 4 heads"),
        ("head 3", '"head 3" is not a sender'),
        (5, "5 is"),
    ],
)
def test_a_node_that_is_not_there_is_told(nodes: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        example_circuit().without(nodes)


def test_the_mask_is_true_at_every_edge_and_nowhere_else() -> None:
    circuit = random_circuit(SHAPE, 30, 5)
    graph, mask = circuit.graph, circuit.mask()
    found = {
        f"{graph.senders[column]} -> {graph.receivers[row]}" for row, column in zip(*np.nonzero(mask), strict=True)
    }
    assert found == {*names(circuit)} and mask.shape == (len(graph.receivers), len(graph.senders))


def test_the_frame_has_a_row_for_each_edge() -> None:
    frame = example_circuit().edges_frame()
    assert isinstance(frame, pd.DataFrame)
    assert dict(zip(zip(frame.sender, frame.receiver, strict=True), frame.effect, strict=True)) == EDGES
    assert list(frame.input) == ["", "", "k", ""] and list(frame.receiver_layer) == [2, 1, 1, 1]
    assert list(example_circuit().keep([]).edges_frame().columns) == list(frame.columns)


def test_in_positions_a_row_has_its_span_and_the_mask_is_true_at_an_edge_of_any() -> None:
    circuit = positioned_circuit()
    assert list(circuit.edges_frame().span) == [kept.edge.span for kept in circuit.edges]
    assert (circuit.mask() == circuit.at_all_spans.mask()).all()
    assert "span" not in circuit.at_all_spans.edges_frame()


def test_without_pandas_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def none(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", none)
    with pytest.raises(UsageError, match="needs pandas, which is not installed"):
        example_circuit().edges_frame()


def test_a_circuit_is_short_in_a_console() -> None:
    assert repr(example_circuit()) == "<Circuit of latest_s in demo: 4 edges of 82, 3 nodes>"
    assert repr(example_circuit() - example_circuit()).startswith("<Subgraph of latest_s in demo: 0 edges of")
