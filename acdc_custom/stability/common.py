"""What runs have in common, as numbers: how often each member is kept, and how alike every two runs are.

Owns the record of both, and that shares are of the runs that vary everything, while agreements are of each kind of runs
by itself. Of runs in positions there are two: of what is kept at each span, and whatever the span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from acdc_custom.choices import Variation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.stability.agreement import Agreement, Matrix, agreement, jaccards
from acdc_custom.stability.shares import SelectionFrequency, shares_of

Kind = frozenset[Variation]


@dataclass(frozen=True)
class InCommon:
    """Shares are among the runs that vary everything; `jaccards` is of every two runs, in their order."""

    shares: Mapping[Part, tuple[SelectionFrequency, ...]]
    agreements: tuple[Agreement, ...]
    jaccards: Mapping[Part, Matrix]

    def agreement(self, part: Part, varied: Kind) -> Agreement:
        """How alike the runs are that vary this. Raises `KeyError`."""
        for found in self.agreements:
            if found.part == part and found.varied == varied:
                return found
        raise KeyError(part)


def in_common(circuits: Sequence[Circuit], varied: Sequence[Kind]) -> InCommon:
    """Of runs, the first of which varies everything; `varied` is what each does."""
    places: dict[Kind, list[int]] = {}
    for place, kind in enumerate(varied):
        places.setdefault(kind, []).append(place)
    pool = [circuits[place] for place in places[varied[0]]]
    indices = {part: jaccards(circuits, part) for part in Part}
    return InCommon(
        {part: shares_of(pool, part) for part in Part},
        tuple(
            agreement(part, kind, _among(own, indices[part]))
            for kind, own in places.items()
            if len(own) > 1
            for part in Part
        ),
        indices,
    )


def _among(places: Sequence[int], indices: Matrix) -> Matrix:
    """The indices of some of the runs."""
    return tuple(tuple(indices[first][second] for second in places) for first in places)
