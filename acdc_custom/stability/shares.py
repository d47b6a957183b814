"""In how many runs an edge, a node or a head is found, and how sure that number is.

Owns the counting. Knows neither models nor files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Member, Part, member_of, members_of
from acdc_custom.errors import UsageError
from acdc_custom.graph import Edge
from acdc_custom.stats.intervals import wilson

DEFAULT_SHARE = 0.5
ROUNDING = 1e-9  # 0.7 of 10 runs are 7 of them


@dataclass(frozen=True)
class SelectionFrequency:
    """One edge, node or head, in positions at one span. `effect` is its mean over the runs that keep it, in the
    metric's unit.

    A node's or a head's effect in a run is the sum of its outgoing edges' there.
    """

    member: Member
    n_kept: int
    n_runs: int
    effect: float

    @property
    def label(self) -> str:
        """The name that people read: `L9H6`, in positions `L9H6@END`."""
        return str(self.member) if isinstance(self.member, Edge) else self.member.label

    @property
    def share(self) -> float:
        """The share of runs that keep it."""
        return self.n_kept / self.n_runs

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share among all runs that could have been made: 95 %, Wilson's."""
        return wilson(self.n_kept, self.n_runs)

    def reaches(self, share: float) -> bool:
        """Whether at least this share of the runs keeps it."""
        return self.n_kept >= share * self.n_runs - ROUNDING


def shares_of(circuits: Sequence[Circuit], part: Part) -> tuple[SelectionFrequency, ...]:
    """Every member of any of the circuits: the most often kept first, then in topological order."""
    effects: dict[Member, list[float]] = defaultdict(list)
    for circuit in circuits:
        sums: dict[Member, list[float]] = {member: [] for member in members_of(circuit, part)}
        for kept in circuit.edges:
            if (member := member_of(kept.edge, part)) is not None:
                sums[member].append(kept.effect)
        for member, of in sums.items():
            effects[member].append(fsum(of))
    found = [
        SelectionFrequency(member, len(of), len(circuits), fsum(of) / len(of)) for member, of in sorted(effects.items())
    ]
    return tuple(sorted(found, key=lambda share: -share.n_kept))


def checked_share(share: float) -> float:
    """The share, if it can be one. Raises `UsageError`."""
    if not 0 < share <= 1:
        raise UsageError(f"the share is {share:g}: it must be above 0 and at most 1, such as 0.5 for half of the runs.")
    return share
