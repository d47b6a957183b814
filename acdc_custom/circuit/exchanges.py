"""Edges that exchange their receivers: the Markov chain behind rewired circuits, and when it has forgotten its past.

Owns one step of the chain (Maslov and Sneppen 2002), and how many of them lie between two draws. Two edges are chosen
at random, and exchange receivers if both new edges are in the graph and not yet in the circuit; otherwise nothing
happens, and the draw counts. A step is as likely to be undone as done, and the receivers that come after a sender are
among those after any earlier sender, so steps lead to every circuit with these degrees, and in the long run all are
equally likely.

How long a run that is, is measured. What share of steps changes anything is counted; to begin with, two draws are as
many steps apart as move every edge once. Then `PILOT` draws are made, and the autocorrelation of two that follow each
other is taken over all edges: with x_e = 1 where edge e is in a draw, the sum over e of cov(x_e, x_e of the next draw),
divided by that of var(x_e). The distance is doubled until it is at most `CORRELATED`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

PILOT = 64  # draws that the autocorrelation is measured on; they are not used
CORRELATED = 0.05
DOUBLINGS = 8  # at most: draws of a circuit that is so hard to rewire stay a little alike
ALL_PAIRS = 1 << 21  # pairs of edges of which every one is looked at; of more, as many are drawn


class Exchanges:
    """A circuit's edges, by the places of their senders and receivers `[edge]`, on their way through circuits with the
    same degrees. `before` says how many senders a receiver can read, `[receiver]`."""

    def __init__(self, senders: Numbers, receivers: Numbers, before: Numbers, generator: np.random.Generator) -> None:
        self.senders, self.receivers = senders.tolist(), receivers.tolist()
        self._before, self._generator = before, generator
        present = np.zeros((int(senders.max(initial=-1)) + 1, len(before)), bool)
        present[senders, receivers] = True
        self._present = bytearray(present.tobytes())  # [sender, receiver]

    def draws(self) -> Iterator[Numbers]:
        """Without end: receivers `[edge]` of circuits that are independent of each other and of this one."""
        steps = self.steps_between_draws()
        while True:
            self.run(steps)
            yield np.array(self.receivers, np.int64)

    def steps_between_draws(self) -> int:
        """How many steps make two draws independent; 0 where no exchange is possible. Leaves the circuit far away."""
        accepted = self.acceptance()
        if not accepted:
            return 0
        steps = int(np.ceil(len(self.senders) / 2 / accepted))
        for _ in range(DOUBLINGS):
            if self.autocorrelation(steps) <= CORRELATED:
                break
            steps *= 2
        return steps

    def acceptance(self) -> float:
        """The share of steps that change anything, from the circuit as it stands."""
        n = len(self.senders)
        if not n:
            return 0.0
        if n * n <= ALL_PAIRS:
            one, other = np.divmod(np.arange(n * n), n)
        else:
            one, other = self._generator.integers(n, size=(2, ALL_PAIRS))
        senders, receivers = np.array(self.senders, np.int64), np.array(self.receivers, np.int64)
        s, r, t, q = senders[one], receivers[one], senders[other], receivers[other]
        present = np.frombuffer(self._present, bool).reshape(-1, len(self._before))
        possible = (s < self._before[q]) & (t < self._before[r]) & ~present[s, q] & ~present[t, r]
        return float(possible.mean())

    def run(self, steps: int) -> None:
        """So many steps."""
        senders, receivers, present = self.senders, self.receivers, self._present
        before, width = self._before.tolist(), len(self._before)
        for one, other in self._generator.integers(max(len(senders), 1), size=(steps, 2)).tolist():
            s, r, t, q = senders[one], receivers[one], senders[other], receivers[other]
            if s < before[q] and t < before[r] and not present[s * width + q] and not present[t * width + r]:
                present[s * width + r] = present[t * width + q] = 0
                present[s * width + q] = present[t * width + r] = 1
                receivers[one], receivers[other] = q, r

    def autocorrelation(self, steps: int) -> float:
        """Of draws that are so many steps apart; the first comes after as many again."""
        n, width = len(self.senders), len(self._before)
        self.run(4 * steps)
        draws = []
        for _ in range(PILOT):
            self.run(steps)
            draws.append(np.sort(np.array(self.senders) * width + np.array(self.receivers)))
        shared = np.mean([len(np.intersect1d(a, b, assume_unique=True)) for a, b in pairwise(draws)])
        counts = np.unique(np.concatenate(draws), return_counts=True)[1]
        by_chance = float((counts * (counts - 1)).sum()) / (PILOT * (PILOT - 1))  # of any two of these draws
        return float((shared - by_chance) / (n - by_chance)) if by_chance < n else 1.0
