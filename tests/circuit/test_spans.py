"""Spans of several circuits: in one order, and those that all of them have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from circuits import example_circuit
from positioned import positioned_circuit

from acdc_custom.circuit.circuit import Circuit, Span
from acdc_custom.circuit.spans import are_alike, at_spans, shared_spans, spans_of_all

FEW, MORE, OTHERS = ("S1", "S2", "END"), ("start", "S1", "S1..S2", "S2", "END"), ("IO", "S2", "END")


def having(names: Sequence[str]) -> Circuit:
    return replace(positioned_circuit(), edges=(), spans=tuple(Span(name, f"a {name}") for name in names))


def test_spans_of_circuits_that_lack_some_stand_in_order() -> None:
    found = spans_of_all(map(having, (FEW, MORE, OTHERS)))
    assert [span.name for span in found] == ["start", "S1", "S1..S2", "IO", "S2", "END"]
    assert spans_of_all([example_circuit()] * 2) == ()


def test_shared_are_those_that_every_circuit_has() -> None:
    assert shared_spans([having(FEW), having(OTHERS)]) == (Span("S2", "a S2"), Span("END", "a END"))
    assert shared_spans([having(FEW), example_circuit()]) == ()


@pytest.mark.parametrize(
    ("names", "alike"), [(("S2", "END"), True), (("start", "END"), False), (("END",), False), ((), False)]
)
def test_what_every_task_has_makes_no_circuits_alike(names: Sequence[str], alike: bool) -> None:
    assert are_alike([Span(name, "") for name in names]) is alike


def test_a_circuit_at_some_spans_has_its_edges_there() -> None:
    found = at_spans(positioned_circuit(), {"S2", "END"})
    assert {kept.edge.span for kept in found.edges} == {"S2", "END"} == {span.name for span in found.spans}
    assert found.edges == tuple(kept for kept in positioned_circuit().edges if kept.edge.span != "S 1")
