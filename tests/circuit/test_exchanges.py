"""Exchanges of receivers reach what they should, and two draws know nothing of each other."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from random_circuits import random_circuit

from acdc_custom.circuit import exchanges
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.exchanges import CORRELATED, Exchanges
from acdc_custom.circuit.random_circuits import RandomCircuitSampler
from acdc_custom.graph import GraphShape

SHAPE = GraphShape(4, 6, 3)


def chain_of(circuit: Circuit, seed: int) -> Exchanges:
    return RandomCircuitSampler(circuit, np.random.default_rng(seed)).exchanges()


def edges_of(chain: Exchanges) -> set[tuple[int, int]]:
    return set(zip(chain.senders, chain.receivers, strict=True))


def one_swap() -> Exchanges:
    """Two senders, two receivers of their own: they can change places, and that is all."""
    return Exchanges(np.array([0, 1]), np.array([0, 1]), np.array([2, 2]), np.random.default_rng(0))


def test_the_share_of_steps_that_change_anything_is_that_of_the_pairs_that_can() -> None:
    chain = chain_of(random_circuit(SHAPE, 40, 3), 0)
    present, before = edges_of(chain), chain._before
    edges = list(zip(chain.senders, chain.receivers, strict=True))
    possible = [
        s < before[q] and t < before[r] and (s, q) not in present and (t, r) not in present
        for (s, r), (t, q) in product(edges, edges)
    ]
    assert chain.acceptance() == pytest.approx(np.mean(possible)) and any(possible)


def test_of_many_edges_a_sample_of_pairs_says_it_nearly(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = chain_of(random_circuit(SHAPE, 60, 3), 0)
    exactly = chain.acceptance()
    monkeypatch.setattr(exchanges, "ALL_PAIRS", 3000)
    assert chain.acceptance() == pytest.approx(exactly, abs=0.03) and chain.acceptance() != exactly


@pytest.mark.parametrize(("n", "seed"), [(12, 0), (60, 1), (200, 2)])
def test_two_draws_in_a_row_share_no_more_than_draws_of_two_chains(n: int, seed: int) -> None:
    circuit = random_circuit(SHAPE, n, seed)
    one, other = chain_of(circuit, 1), chain_of(circuit, 2)
    following, independent = [], []
    last: set[tuple[int, int]] | None = None
    for _, _ in zip(range(400), zip(one.draws(), other.draws(), strict=False), strict=False):
        now, there = edges_of(one), edges_of(other)
        independent.append(len(now & there) / n)
        if last is not None:
            following.append(len(now & last) / n)
        last = now
    chance = float(np.mean(independent))
    assert abs(np.mean(following) - chance) <= (2 * CORRELATED) * (1 - chance)


def test_the_first_draw_has_forgotten_the_circuit() -> None:
    circuit = random_circuit(SHAPE, 80, 5)
    own = edges_of(chain_of(circuit, 0))
    shared, by_chance = [], []
    for seed in range(30):
        chain = chain_of(circuit, seed)
        draws = chain.draws()
        next(draws)
        first = edges_of(chain)
        shared.append(len(first & own) / 80)
        for _ in range(5):
            next(draws)
        by_chance.append(len(edges_of(chain) & own) / 80)
    assert abs(np.mean(shared) - np.mean(by_chance)) < 0.03


def test_a_few_steps_are_not_enough_and_that_is_noticed() -> None:
    chain = chain_of(random_circuit(SHAPE, 200, 2), 0)
    steps = chain.steps_between_draws()
    assert chain.autocorrelation(steps) <= 2 * CORRELATED < chain.autocorrelation(max(1, steps // 8))


def test_where_nothing_can_be_exchanged_there_are_no_steps_and_the_circuit_stays() -> None:
    for senders, receivers in (([0, 0], [0, 1]), ([], [])):
        chain = Exchanges(np.array(senders, int), np.array(receivers, int), np.array([2, 2]), np.random.default_rng(0))
        assert chain.steps_between_draws() == 0
        assert next(chain.draws()).tolist() == receivers


def test_a_single_exchange_is_made_in_half_of_the_draws() -> None:
    chain = one_swap()
    draws = chain.draws()
    swapped = [next(draws).tolist() == [1, 0] for _ in range(600)]
    assert np.mean(swapped) == pytest.approx(0.5, abs=0.07)
    assert np.mean([a == b for a, b in pairwise(swapped)]) == pytest.approx(0.5, abs=0.07)
