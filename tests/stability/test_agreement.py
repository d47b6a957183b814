"""How alike runs are: the extremes, numbers made by hand, and a bootstrap done the slow way."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from studies import ALL, FOUR, runs_of

from acdc_custom.circuit.members import Part
from acdc_custom.stability.agreement import DRAWS, SEED, agreement, jaccards

CIRCUITS = [run.circuit for run in runs_of(FOUR)]


def test_indices_are_those_that_were_worked_out_by_hand() -> None:
    # 3 of 3; 2 of 4; 1 of 3; and the like
    expected = ((1, 1, 2 / 4, 1 / 3), (1, 1, 2 / 4, 1 / 3), (2 / 4, 2 / 4, 1, 1 / 3), (1 / 3, 1 / 3, 1 / 3, 1))
    assert np.array(jaccards(CIRCUITS, Part.EDGES)) == pytest.approx(np.array(expected))
    assert agreement(Part.EDGES, ALL, jaccards(CIRCUITS, Part.EDGES)).mean == pytest.approx((1 + 1 + 3 / 3) / 6)


@pytest.mark.parametrize(("effects", "mean"), [([FOUR[0]] * 5, 1.0), ([{}] * 3, 1.0)])
def test_runs_that_are_the_same_agree_wholly(effects: list[dict[tuple[str, str], float]], mean: float) -> None:
    for part in Part:
        found = agreement(part, ALL, jaccards([run.circuit for run in runs_of(effects)], part))
        assert (found.mean, found.low, found.high) == (mean, mean, mean)


def test_runs_that_share_nothing_agree_in_nothing() -> None:
    apart = [{("m1", "logits"): 1.0}, {("m0", "logits"): 1.0}, {("embed", "logits"): 1.0}]
    found = agreement(Part.NODES, ALL, jaccards([run.circuit for run in runs_of(apart)], Part.NODES))
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_two_runs_have_one_pair_and_no_interval() -> None:
    found = agreement(Part.EDGES, ALL, jaccards(CIRCUITS[1:3], Part.EDGES))
    assert (found.n_runs, found.mean, found.low, found.high) == (2, 0.5, None, None)


def test_the_interval_is_a_bootstrap_over_runs_without_pairs_of_a_run_with_itself() -> None:
    rng = np.random.default_rng(7)
    indices = rng.uniform(0.2, 0.9, (6, 6))
    indices = (indices + indices.T) / 2
    np.fill_diagonal(indices, 1.0)
    found = agreement(Part.EDGES, ALL, tuple(map(tuple, indices.tolist())))
    means = []
    for times in np.random.default_rng(SEED).multinomial(6, [1 / 6] * 6, size=DRAWS):
        drawn = [run for run, n in enumerate(times) for _ in range(n)]
        pairs = [indices[a, b] for a, b in combinations(drawn, 2) if a != b]
        if pairs:
            means.append(np.mean(pairs))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    assert found.low is not None and found.high is not None and found.low < found.mean < found.high
