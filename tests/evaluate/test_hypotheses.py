"""The tests of Shi et al.: uniform p where the null is true, small p where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from acdc_custom.evaluate.hypotheses import equivalence, independence, minimality
from acdc_custom.graph import EMBED, LOGITS, Edge, Sender
from acdc_custom.stats.binomial import as_far_from_half, at_most
from acdc_custom.stats.hsic import hsic, independence_p

GENERATOR = np.random.default_rng(0)


def brute(n: int, p: float, keep: object) -> float:
    return math.fsum(
        math.comb(n, k) * p**k * (1 - p) ** (n - k)
        for k in range(n + 1)
        if keep(k)  # type: ignore[operator]
    )


@pytest.mark.parametrize(("k", "n", "p"), [(0, 1, 0.6), (3, 10, 0.9), (10, 10, 0.9), (17, 40, 0.6), (0, 0, 0.6)])
def test_binomial_tails_are_the_sums_that_they_stand_for(k: int, n: int, p: float) -> None:
    assert at_most(k, n, p) == pytest.approx(brute(n, p, lambda i: i <= k))
    assert as_far_from_half(k, n, p) == pytest.approx(brute(n, p, lambda i: abs(2 * i - n) >= abs(2 * k - n)))


def test_certain_and_impossible_events_have_their_probabilities() -> None:
    assert at_most(2, 3, 1.0) == 0 and at_most(3, 3, 1.0) == 1 and at_most(0, 3, 0.0) == 1


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


def test_hsic_of_a_hand_computed_case() -> None:
    # Two pairs: kernels [[1, e], [e, 1]] with e = exp(-1/2); centred [[c, -c], [-c, c]] with c = (1 - e) / 2.
    c = (1 - math.exp(-0.5)) / 2
    assert hsic(np.array([0.0, 1.0]), np.array([5.0, 9.0])) == pytest.approx(4 * c * c)


def test_independent_samples_have_a_uniform_p() -> None:
    generator = np.random.default_rng(3)
    ps = [independence_p(generator.normal(size=25), generator.normal(size=25), 99, seed) for seed in range(300)]
    for bound in (0.05, 0.25, 0.5, 0.75):
        assert abs(np.mean(np.array(ps) <= bound) - bound) < 3 * math.sqrt(bound * (1 - bound) / 300)


def test_dependence_without_correlation_is_found() -> None:
    x = np.random.default_rng(4).normal(size=80)
    assert abs(np.corrcoef(x, x**2)[0, 1]) < 0.3
    assert independence_p(x, x**2, 199, seed=0) == 1 / 200


def test_nothing_depends_on_a_constant() -> None:
    x = np.random.default_rng(4).normal(size=30)
    assert independence_p(np.ones(30), x, 99, seed=0) == 1


def test_scale_and_offset_are_of_no_matter_to_independence() -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 40))
    assert independence_p(x, y, 99, 1) == independence_p(1000 * x + 7, y / 1000, 99, 1)


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
