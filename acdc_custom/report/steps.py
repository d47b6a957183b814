"""The circuits of a path on one picture: which edges are in which of them, and what each does.

Owns the choice of the edges that are drawn, and the words beside the slider. Knows nothing of HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.export.selection import DEFAULT_MAX_EDGES
from acdc_custom.export.style import number
from acdc_custom.graph import Edge
from acdc_custom.path.folder import FILE_NAME, PathRecord
from acdc_custom.path.plan import Point


@dataclass(frozen=True)
class PathSteps:
    """The circuits of a path by rising threshold. `here` is the place of the report's own among them."""

    said: tuple[str, ...]  # of each circuit: its threshold, its size, what it does
    circuits: tuple[Circuit, ...]
    here: int

    @property
    def of_edges(self) -> Mapping[Edge, tuple[int, ...]]:
        """Of every edge, the places of the circuits that have it."""
        places: dict[Edge, list[int]] = {}
        for place, circuit in enumerate(self.circuits):
            for kept in circuit.edges:
                places.setdefault(kept.edge, []).append(place)
        return {edge: tuple(of) for edge, of in places.items()}

    @property
    def drawn(self) -> tuple[KeptEdge, ...]:
        """The edges of the report's circuit, and of the others the strongest for which there is room."""
        own = {kept.edge: kept for kept in self.circuits[self.here].strongest(DEFAULT_MAX_EDGES)}
        others = [kept for circuit in self.circuits for kept in circuit.edges if kept.edge not in own]
        for kept in sorted(others, key=lambda kept: -kept.strength):
            if len(own) < DEFAULT_MAX_EDGES:
                own.setdefault(kept.edge, kept)
        return tuple(own.values())

    @property
    def union(self) -> Circuit:
        """The report's circuit with all edges that are drawn."""
        return replace(self.circuits[self.here], edges=self.drawn)


def read_steps(folder: Path, circuit: Circuit) -> PathSteps | None:
    """The path that a circuit was chosen from, or is a step of; None if there is none. Raises `ResultError` for one
    that is damaged."""
    for where in (folder, folder.resolve().parent):
        if (where / FILE_NAME).exists():
            points = sorted(PathRecord.load(where).points, key=lambda point: point.threshold)
            return _steps(points, [Circuit.load(where / point.name) for point in points], circuit)
    return None


def _steps(points: Sequence[Point], circuits: Sequence[Circuit], circuit: Circuit) -> PathSteps | None:
    """None for a circuit that is none of the path's."""
    own = {kept.edge for kept in circuit.edges}
    same = [place for place, other in enumerate(circuits) if {kept.edge for kept in other.edges} == own]
    if not same or circuits[same[0]].model != circuit.model:
        return None
    by_threshold = [place for place in same if points[place].threshold == circuit.settings.threshold]
    unit = circuit.unit
    return PathSteps(tuple(_said(point, unit) for point in points), tuple(circuits), (by_threshold or same)[0])


def _said(point: Point, unit: str) -> str:
    """`threshold 0.01 nats: 45 edges, KL 0.012 nats, recovers 92% on the validation prompts`. The KL is that on the
    prompts of the search."""
    if point.validation is not None and point.validation.faithfulness is not None:
        share, on = point.reached, "validation prompts"
    else:
        share, on = point.search_faithfulness, "prompts of the search"
    return (
        f"threshold {point.threshold:g} {unit}: {point.edges:,} edges, KL {number(point.kl)} nats, recovers "
        f"{share:.0%} on the {on}"
    )
