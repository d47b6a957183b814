"""A random circuit is another circuit, and few of them tell nothing."""

from __future__ import annotations

import pytest
from circuits import circuit_of
from random_circuits import random_circuit

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.evaluate.baselines import random_circuits
from acdc_custom.evaluate.kinds import RandomBaseline
from acdc_custom.evaluate.records import RandomCircuits, RandomComparison
from acdc_custom.graph import GraphShape
from acdc_custom.stats.intervals import Estimate


def one_swap(n_edges: int) -> Circuit:
    """Edges from the embedding, which can go nowhere else, and two from MLPs that can exchange their receivers."""
    edges = [("embed", f"a0.h{head}.{port}") for head in range(8) for port in "qkv"][: n_edges - 2]
    return circuit_of(GraphShape(3, 8, 8), dict.fromkeys([*edges, ("m0", "m2"), ("m1", "logits")], 1.0))


def test_one_head_of_the_first_layer_has_seven_others() -> None:
    circuit = circuit_of(GraphShape(2, 8, 8), {("a0.h3", "logits"): 1.0})
    drawn = random_circuits(circuit, RandomBaseline.SHUFFLED, 50, 0)
    assert {str(edge.sender) for edges in drawn for edge in edges} == {f"a0.h{head}" for head in range(8) if head != 3}
    assert len(drawn) == 7


def test_edges_that_admit_one_exchange_have_one_other_circuit() -> None:
    circuit = one_swap(19)
    assert len(circuit.edges) == 19
    (other,) = random_circuits(circuit, RandomBaseline.REWIRED, 50, 0)
    own = {kept.edge for kept in circuit.edges}
    assert {str(edge) for edge in other - own} == {"m0 -> logits", "m1 -> m2"}


@pytest.mark.parametrize("drawn", RandomBaseline)
def test_where_there_are_many_they_are_all_different_and_none_is_the_circuit_itself(drawn: RandomBaseline) -> None:
    circuit = random_circuit(GraphShape(3, 4, 2), 12, 1)
    found = random_circuits(circuit, drawn, 50, 0)
    assert len(found) == len(set(found)) == 50
    assert frozenset(kept.edge for kept in circuit.edges) not in found
    assert {len(edges) for edges in found} == {12}
    assert found == random_circuits(circuit, drawn, 50, 0) != random_circuits(circuit, drawn, 50, 1)


@pytest.mark.parametrize(("n", "enough"), [(19, False), (20, True)])
def test_under_twenty_circuits_no_p_could_be_small(n: int, enough: bool) -> None:
    against = RandomComparison(0.1, 1.0, 0.5, 1.5, 1 / (1 + n))
    random = RandomCircuits(RandomBaseline.PATHS, "new prompts", n, against, against, Estimate(0.0, 0.0, 0.0))
    assert random.enough is enough is (1 / (1 + n) < 0.05)
