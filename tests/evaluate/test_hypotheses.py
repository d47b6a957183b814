"""The tests of Shi et al.: uniform p where the null is true, small p where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from acdc_custom.evaluate.hypotheses import equivalence, independence, minimality
from acdc_custom.graph import EMBED, LOGITS, Edge, Sender

GENERATOR = np.random.default_rng(0)


# -- equivalence --------------------------------------------------------------------------------------------


def test_the_model_is_equivalent_to_itself() -> None:
    s = GENERATOR.normal(size=50)
    assert equivalence(s, s).p == 1
    assert equivalence(s + 1e-6, s).p == 1, "rounding is no difference"


def test_a_circuit_that_is_always_a_little_worse_is_not_equivalent() -> None:
    s = GENERATOR.normal(size=50)
    found = equivalence(s - 0.01, s)
    assert found.p == pytest.approx(0.6**50 + 0.4**50)
    assert "below on 50" in found.details


def test_a_circuit_that_is_off_to_both_sides_is_equivalent() -> None:
    s = GENERATOR.normal(size=50)
    assert equivalence(s + np.where(np.arange(50) % 2, 3.0, -3.0), s).p > 0.5


def test_at_the_edge_of_the_null_equivalence_is_rejected_as_seldom_as_it_should_be() -> None:
    above = np.random.default_rng(1).random((2000, 100)) < 0.6
    ps = [equivalence(np.where(row, 1.0, -1.0), np.zeros(100)).p for row in above]
    assert np.mean(np.array(ps) <= 0.05) <= 0.06


# -- independence -------------------------------------------------------------------------------------------


def test_dependence_that_the_ablation_alone_brings_is_told() -> None:
    x = np.random.default_rng(4).normal(size=50)
    noise = np.random.default_rng(5).normal(size=50)
    assert "says little" in independence(x, x, x, seed=0).details
    assert "says little" not in independence(x, x, noise, seed=0).details


# -- minimality ---------------------------------------------------------------------------------------------


def edge(layer: int) -> Edge:
    from acdc_custom.graph import Stage

    return Edge(Sender(layer, Stage.MLP), LOGITS)


def test_an_edge_that_does_nothing_is_found_among_those_that_matter() -> None:
    random = np.random.default_rng(0).random(50) * 0.01
    found = minimality({edge(0): 1.0, edge(1): 0.0, edge(2): 0.5}, random.tolist())
    assert found.edges == (edge(1),)
    assert found.p == pytest.approx(3 * 0.1**50)


def test_edges_that_matter_more_than_random_ones_are_kept() -> None:
    found = minimality({edge(0): 1.0, Edge(EMBED, LOGITS): 2.0}, [0.1] * 50)
    assert found.p == 1 and found.edges == ()


def test_edges_as_good_as_nine_in_ten_random_ones_are_rejected_as_seldom_as_they_should_be() -> None:
    generator = np.random.default_rng(6)
    rejected = [minimality({edge(0): 0.9}, generator.random(50).tolist()).p <= 0.05 for _ in range(1000)]
    assert np.mean(rejected) <= 0.06


def test_more_edges_make_a_stricter_test() -> None:
    random = list(np.linspace(0, 1, 50))
    alone = minimality({edge(0): 0.75}, random).p
    among = minimality({edge(0): 0.75, **{edge(n): 5.0 for n in range(1, 10)}}, random).p
    assert among == pytest.approx(10 * alone)
