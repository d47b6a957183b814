"""A circuit as a hypothesis: the three tests of Shi et al. 2024 (arXiv 2410.13032) with their p-values.

Owns the statistics of the tests, with s the logit difference of a prompt, M the model and C the circuit. In each of
them the null hypothesis is what an ideal circuit has, so that a small p always speaks against the circuit; a large one
may only mean that there were too few prompts. Circuits are run by whoever calls: this works on numbers.

- Equivalence. With D = s(C) - s(M) of a prompt, the null is |P(D > 0) - 1/2| < 0.1. Over the prompts with D not 0, k of
  n are above it; p is the probability that a binomial of n and 0.6 is as far from n/2 as k. (The authors' code compares
  the mean of D with 1/2 in place of k/n; we follow the paper. Leaving out prompts without a difference is ours: without
  it the model itself would not pass.)
- Independence. The null: s(M without the edges of C) and s(M) are independent. The statistic is HSIC, p is by
  permutation.
- Minimality. For each edge e of C, d(e) is the mean squared change of s when e is removed. It is compared with d of a
  random edge of a random path that was added to C, over many such: the null is that e matters more than at least 90 %
  of these; with k of n below d(e), p is the probability that a binomial of n and 0.9 is at most k. The p of the circuit
  is the smallest of its edges' times their number (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from acdc_custom.evaluate.kinds import Hypothesis
from acdc_custom.evaluate.records import Tested
from acdc_custom.graph import Edge
from acdc_custom.stats.p_values import Numbers, as_far_from_half, at_most, independence_p

ALPHA = 0.05
MARGIN = 0.1  # the paper's epsilon
QUANTILE = 0.9  # the paper's q*
PERMUTATIONS = 1000
MOST_PROMPTS = 500  # in the permutation test, whose work grows with the square of their number
ROUNDING = 1e-4  # logits: what float32 leaves of two ways to the same logit difference


def equivalence(circuit: Numbers, model: Numbers) -> Tested:
    """Whether the circuit is as often above the model as below it; both `[prompt]`, logit differences."""
    difference = circuit - model
    above, below = int((difference > ROUNDING).sum()), int((difference < -ROUNDING).sum())
    n = above + below
    same = len(difference) - n
    details = f"above the model on {above} of {len(difference)} prompts, below on {below}"
    details += f", the same on {same}" if same else ""
    return Tested(Hypothesis.EQUIVALENCE, as_far_from_half(above, n, 0.5 + MARGIN), n, details)


def independence(complement: Numbers, model: Numbers, empty: Numbers, seed: int) -> Tested:
    """Whether the model without the circuit's edges still knows how well the model does; each `[prompt]`.

    `empty` is what the ablation alone gives: where that depends on the model, so will everything.
    """
    rows = slice(MOST_PROMPTS)
    complement, model, empty = complement[rows], model[rows], empty[rows]
    p, of_empty = (independence_p(x, model, PERMUTATIONS, seed) for x in (complement, empty))
    details = f"correlation {_correlation(complement, model)}"
    if of_empty <= ALPHA:
        details += f"; without any edge p is {of_empty:.2g}, too, so this says little here"
    return Tested(Hypothesis.INDEPENDENCE, p, len(model), details)


def minimality(moved: Mapping[Edge, float], random: Sequence[float]) -> Tested:
    """Whether every edge matters more than random edges; `moved` and `random` are mean squared changes, logits^2."""
    drawn = np.asarray(random)
    below = {edge: int((change > drawn).sum()) for edge, change in moved.items()}
    ps = {edge: min(1.0, len(moved) * at_most(k, len(drawn), QUANTILE)) for edge, k in below.items()}
    against = tuple(edge for edge, p in sorted(ps.items(), key=lambda item: (item[1], item[0])) if p <= ALPHA)
    details = f"{len(against)} of {len(moved)} edges matter no more than random ones (Bonferroni)"
    return Tested(Hypothesis.MINIMALITY, min(ps.values(), default=1.0), len(drawn), details, against)


def _correlation(one: Numbers, other: Numbers) -> str:
    if len(one) < 2 or not one.std() or not other.std():
        return "unknown: one of the two is constant"
    return f"{float(np.corrcoef(one, other)[0, 1]):+.2f}"
