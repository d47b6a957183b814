"""The formulas, on circuits small enough to count by hand, and what must hold for all."""

from __future__ import annotations

import math

import pytest
from circuits import circuit_of, scored_circuit
from positioned import positioned_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part, members_of, merged, name_of, overlap
from acdc_custom.graph import Edge, GraphShape, Place, Sender

SHAPE = GraphShape(2, 4, 4)
FIRST = circuit_of(SHAPE, {("m1", "logits"): 4.0, ("a1.h0", "m1"): 3.0, ("embed", "a1.h0.v"): 1.0})
# In another unit: half of these effects are those of the first, in shares.
SECOND = circuit_of(SHAPE, {("m1", "logits"): 0.5, ("a1.h1", "m1"): 0.25, ("a1.h1", "logits"): 0.25})
NOTHING = circuit_of(SHAPE, {})


def of(first: Circuit, second: Circuit, part: Part = Part.EDGES):  # type: ignore[no-untyped-def]
    return overlap(members_of(first, part), members_of(second, part))


def test_a_hand_counted_pair() -> None:
    edges = of(FIRST, SECOND)
    assert (edges.n_first, edges.n_second, edges.n_shared) == (3, 3, 1)
    assert edges.jaccard == 1 / 5
    assert edges.of_first == edges.of_second == 1 / 3
    # m1 -> logits has the share 4 / 8 in the one and 0.5 / 1 in the other; nothing else is shared.
    assert edges.weighted == pytest.approx(0.5 / 1.5)
    nodes = of(FIRST, SECOND, Part.NODES)
    assert (nodes.n_first, nodes.n_second, nodes.n_shared) == (3, 2, 1)
    heads = of(FIRST, SECOND, Part.HEADS)
    assert (heads.n_first, heads.n_second, heads.n_shared, heads.jaccard, heads.weighted) == (1, 1, 0, 0.0, 0.0)


def test_an_edge_that_hurts_weighs_as_much_as_one_that_helps() -> None:
    weights = members_of(scored_circuit(), Part.EDGES)
    assert {str(edge.sender): weight for edge, weight in weights.items() if isinstance(edge, Edge)} == {
        "m1": pytest.approx(2 / 3.5),
        "a1.h0": pytest.approx(1 / 3.5),
        "embed": pytest.approx(0.5 / 3.5),
    }


def test_a_nodes_weight_is_that_of_its_outgoing_edges() -> None:
    assert members_of(SECOND, Part.NODES) == {Sender.parse("a1.h1"): 0.5, Sender.parse("m1"): 0.5}


def test_in_positions_a_node_is_a_member_at_every_span_at_which_it_is_read() -> None:
    circuit = positioned_circuit()
    nodes = members_of(circuit, Part.NODES)
    assert {str(node) for node in nodes} == {
        *("embed@S 1", "embed@S2", "a0.h1@END", "m0@S2", "m0@END", "a1.h3@END"),
    }
    assert len(members_of(circuit, Part.EDGES)) == len(circuit.edges)
    head = Place(Sender.parse("a0.h1"), "END")
    assert head in members_of(circuit, Part.HEADS) and name_of(head) == {"node": "a0.h1", "span": "END"}
    assert {merged(node) for node in nodes} == members_of(circuit.at_all_spans, Part.NODES).keys()
    assert sum(nodes.values()) == pytest.approx(1)


@pytest.mark.parametrize("part", Part)
def test_a_circuit_shares_all_with_itself_whatever_its_unit(part: Part) -> None:
    thousandfold = circuit_of(SHAPE, {(str(k.edge.sender), str(k.edge.receiver)): 1000 * k.effect for k in FIRST.edges})
    for same in (FIRST, thousandfold):
        both = of(FIRST, same, part)
        assert both.jaccard == both.of_first == both.of_second == 1
        assert both.weighted == pytest.approx(1)


@pytest.mark.parametrize("part", Part)
def test_overlap_is_symmetric(part: Part) -> None:
    one, other = of(FIRST, SECOND, part), of(SECOND, FIRST, part)
    assert (one.jaccard, one.weighted, one.of_first) == (other.jaccard, other.weighted, other.of_second)


def test_nothing_has_no_index_and_shares_nothing_with_something() -> None:
    assert of(NOTHING, NOTHING).jaccard is of(NOTHING, NOTHING).weighted is of(NOTHING, NOTHING).of_first is None
    assert of(FIRST, NOTHING).jaccard == 0
    assert of(FIRST, NOTHING).of_second is None


@pytest.mark.parametrize("effects", [(1e308, 1e308, 1e308), (0.0, 0.0, 0.0), (-1.0, -2.0, -1e-300), (5e-324, 0.0, 1.0)])
def test_weights_of_any_effects_are_shares(effects: tuple[float, ...]) -> None:
    names = [("m1", "logits"), ("a1.h0", "m1"), ("embed", "a1.h0.v")]
    weights = members_of(circuit_of(SHAPE, dict(zip(names, effects, strict=True))), Part.EDGES).values()
    assert all(0 <= weight <= 1 for weight in weights)
    assert math.fsum(weights) == pytest.approx(1 if any(effects) else 0)
