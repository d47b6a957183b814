"""Chance is told from more than chance."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from circuits import circuit_of
from random_circuits import draw, random_circuit

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.circuit.members import Part
from acdc_custom.circuit.random_circuits import NullModel
from acdc_custom.compare.chance import Chance, against_chance
from acdc_custom.graph import GraphShape


def test_one_head_of_four_is_the_same_by_chance_in_a_quarter_of_draws_and_three_others_are_too_few_to_tell() -> None:
    circuit = circuit_of(GraphShape(2, 4, 4), {("a1.h0", "logits"): 1.0})
    found = against_chance([circuit, circuit], 2000, 0)
    for part in (Part.EDGES, Part.NODES, Part.HEADS):
        chance = of(found[part, 0, 1], NullModel.SHUFFLED)
        for against in (chance.jaccard, chance.weighted):
            assert against is not None and against.observed == pytest.approx(1) and against.z is not None
            assert against.mean == pytest.approx(0.25, abs=0.03)
            assert against.z == pytest.approx(0.75 / 0.433, abs=0.15)
            assert (against.p, against.n_random) == (None, 3)


def test_p_counts_every_different_pair_once() -> None:
    # One head of 21: 20 others. Of 21 x 21 pairs, 21 are of the same head, the two circuits themselves one of these.
    circuit = circuit_of(GraphShape(1, 21, 21), {("a0.h0", "logits"): 1.0})
    against = of(against_chance([circuit, circuit], 4000, 0)[Part.HEADS, 0, 1], NullModel.SHUFFLED).jaccard
    assert against is not None and against.n_random == 20
    assert against.p == pytest.approx(21 / 441, rel=0.02), "nearly all pairs have been drawn"
    other = circuit_of(GraphShape(1, 21, 21), {("a0.h1", "logits"): 1.0})
    against = of(against_chance([circuit, other], 200, 0)[Part.HEADS, 0, 1], NullModel.SHUFFLED).jaccard
    assert against is not None and against.p == 1


def test_one_of_the_two_having_many_random_circuits_is_enough() -> None:
    shape = GraphShape(2, 8, 8)
    one = circuit_of(shape, {("a1.h0", "logits"): 1.0})
    many = circuit_of(shape, {("a1.h0", "logits"): 1.0, ("a0.h3", "logits"): 1.0})
    against = of(against_chance([one, many], 1000, 0)[Part.HEADS, 0, 1], NullModel.SHUFFLED).jaccard
    assert against is not None and against.n_random == 63
    assert against.p == pytest.approx(1 / 8, abs=0.03)


def of(chances: tuple[Chance, ...], null: NullModel) -> Chance:
    return next(chance for chance in chances if chance.null is null)


@pytest.mark.parametrize("null", NullModel)
def test_circuits_that_were_drawn_at_random_are_no_more_alike_than_chance(null: NullModel) -> None:
    shape = GraphShape(4, 6, 3)
    zs, ps = [], []
    for seed in range(12):
        pair = [replace_edges(random_circuit(shape, 60, 100), null, seed), random_circuit(shape, 60, 200)]
        against = of(against_chance(pair, 60, seed)[Part.EDGES, 0, 1], null).jaccard
        assert against is not None and against.z is not None and against.p is not None
        zs.append(against.z)
        ps.append(against.p)
    assert abs(sum(zs) / len(zs)) < 0.9  # three standard errors
    assert min(ps) > 0.005 and max(ps) > 0.3


def replace_edges(circuit: Circuit, null: NullModel, seed: int) -> Circuit:
    (edges,) = draw(circuit, null, 1, seed)
    return replace(circuit, edges=tuple(KeptEdge(edge, 1.0) for edge in sorted(edges)))


def test_the_same_circuit_twice_is_far_from_chance() -> None:
    circuit = random_circuit(GraphShape(4, 6, 6), 60, 5)
    found = against_chance([circuit, circuit], 200, 0)
    for null in NullModel:
        against = of(found[Part.EDGES, 0, 1], null).jaccard
        assert against is not None and against.z is not None
        assert against.observed == 1 and against.z > 5 and against.p == pytest.approx(1 / 201)


def test_where_nothing_can_vary_there_is_no_z_and_no_p() -> None:
    circuit = circuit_of(GraphShape(2, 4, 4), {("m1", "logits"): 1.0, ("embed", "m0"): 1.0})
    found = against_chance([circuit, circuit], 20, 0)
    against = of(found[Part.EDGES, 0, 1], NullModel.SHUFFLED).jaccard
    assert against is not None and (against.z, against.p, against.n_random, against.mean) == (None, None, 0, 1)
    assert of(found[Part.HEADS, 0, 1], NullModel.SHUFFLED).jaccard is None


def test_the_seed_decides_the_draws() -> None:
    circuits = [random_circuit(GraphShape(3, 4, 2), 20, seed) for seed in (1, 2)]
    assert against_chance(circuits, 30, 7) == against_chance(circuits, 30, 7)
    assert against_chance(circuits, 30, 7) != against_chance(circuits, 30, 8)


def test_progress_is_told_of_every_draw() -> None:
    told: Counter[str] = Counter()

    def note(what: str, more: int, total: int) -> None:
        assert total == 25
        told[what] += more

    against_chance([random_circuit(GraphShape(2, 2, 2), 5, 0)] * 2, 25, 0, note)
    assert list(told.values()) == [25, 25]
