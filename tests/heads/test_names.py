"""Lists of heads, senders and receivers, by the names that people give them."""

from __future__ import annotations

import pytest
from circuits import example_circuit
from positioned import positioned_circuit

from acdc_custom.errors import UsageError
from acdc_custom.graph import Graph, GraphShape, Place
from acdc_custom.heads.names import circuit_heads, circuit_places, parse_receivers, parse_senders, places_there

GRAPH = Graph(GraphShape(2, 4, 2))
TO_LOGITS = parse_receivers("logits")


def names(places: list[Place]) -> list[str]:
    return list(map(str, places))


def test_the_heads_of_a_circuit_in_positions_are_where_they_write() -> None:
    assert names(circuit_places(positioned_circuit())) == ["a0.h1@END", "a1.h3@END"]
    plain = example_circuit()
    assert names(circuit_places(plain)) == list(map(str, circuit_heads(plain))) == ["a1.h0"]


def test_a_kind_at_a_span_is_every_node_of_it_there_that_comes_before() -> None:
    before = parse_receivers("a1.h3.q@END")
    assert names(parse_senders("heads@S2", GRAPH, before)) == [f"a0.h{head}@S2" for head in range(4)]
    assert names(parse_senders("m0@END, heads@S2,L1H3", GRAPH, before))[::5] == ["m0@END", "a1.h3"]
    assert names(parse_senders("nodes@END", GRAPH, before))[0] == "embed@END"
    among = [Place.read("a0.h1@END"), Place.read("a0.h2@S2"), Place.read("a1.h0")]
    assert names(parse_senders("heads", GRAPH, TO_LOGITS, among)) == ["a0.h1@END", "a0.h2@S2", "a1.h0"]
    assert names(parse_senders("heads@S2", GRAPH, TO_LOGITS, among)) == ["a0.h2@S2", "a1.h0@S2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heads@", '"heads@" names no span after its @. Write it as heads@END'),
        ("heads@S9", "heads@S9: this circuit has no heads at S9; it has some at END, S2"),
        ("head@S2", '"head@S2" is not a sender'),
    ],
)
def test_a_kind_that_is_nowhere_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_senders(text, GRAPH, TO_LOGITS, [Place.read("a0.h1@END"), Place.read("a0.h2@S2")])


def test_heads_of_another_model_are_told() -> None:
    with pytest.raises(UsageError, match=r"there is no a7.h0 \(L7H0\) in this model: it has 2 layers of 4 heads"):
        parse_senders("heads", GRAPH, TO_LOGITS, [Place.read("a7.h0@END")])


def test_places_that_no_prompt_has_are_left_out_unless_there_are_no_others() -> None:
    places = [Place.read(name) for name in ("a0.h1@S2", "a0.h1@END", "a1.h0")]
    assert names(places_there(places, ("S1", "END"))) == ["a0.h1@END", "a1.h0"]
    with pytest.raises(UsageError, match=r"the circuit has heads at S2, and no prompt has such a span\. .*S1, END"):
        places_there(places[:1], ("S1", "END"))
