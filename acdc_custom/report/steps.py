"""The circuits of a path, or of a sweep, on one picture: which edges are in which of them, and what each does.

Owns the choice of the edges that are drawn, and the words beside the slider. Knows nothing of HTML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME as CIRCUIT
from acdc_custom.circuit.circuit import Circuit, KeptEdge
from acdc_custom.export.selection import DEFAULT_MAX_EDGES
from acdc_custom.export.style import number
from acdc_custom.graph import Edge
from acdc_custom.path.folder import FILE_NAME, PathRecord
from acdc_custom.path.plan import Point
from acdc_custom.sweep import content as sweeps
from acdc_custom.sweep.curve import Point as SweepPoint


@dataclass(frozen=True)
class Steps:
    """The circuits of a path or a sweep by rising threshold. `here` is the place of the report's own among them."""

    said: tuple[str, ...]  # of each circuit: its threshold, its size, what it does
    circuits: tuple[Circuit, ...]
    here: int
    origin: str = "path"  # or "sweep"

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


def read_steps(folder: Path, circuit: Circuit) -> Steps | None:
    """The path that a circuit was chosen from, or is a step of, or the sweep that it is a run of; None if there is
    neither. Raises `ResultError` for one that is damaged."""
    for where in (folder, folder.resolve().parent):
        if (where / FILE_NAME).exists():
            points = sorted(PathRecord.load(where).points, key=lambda point: point.threshold)
            said = [_said_of_path(point, circuit.unit) for point in points]
            return _steps(said, [Circuit.load(where / point.name) for point in points], circuit, "path")
    return _of_sweep(folder.resolve(), circuit)


def _of_sweep(folder: Path, circuit: Circuit) -> Steps | None:
    """The other thresholds of a run's search in the sweep above it, those whose runs still lie there."""
    where = folder.parent
    if not (where / sweeps.JSON_NAME).exists():
        return None
    searches = (search for case in sweeps.load_sweep(where).cases for search in case.searches)
    own = next((search for search in searches if any(at.folder == folder.name for at in search.curve.points)), None)
    if own is None:
        return None
    points = sorted(own.curve.points, key=lambda point: point.threshold or 0)
    points = [point for point in points if point.folder and (where / point.folder / CIRCUIT).exists()]
    said = [_said_of_sweep(point, circuit.unit) for point in points]
    return _steps(said, [Circuit.load(where / point.folder) for point in points], circuit, "sweep")


def _steps(said: Sequence[str], circuits: Sequence[Circuit], circuit: Circuit, origin: str) -> Steps | None:
    """None for a circuit that is none of these, or the only one."""
    own = {kept.edge for kept in circuit.edges}
    same = [place for place, other in enumerate(circuits) if {kept.edge for kept in other.edges} == own]
    if not same or len(circuits) < 2 or circuits[same[0]].model != circuit.model:
        return None
    threshold = circuit.settings.threshold
    by_threshold = [place for place in same if circuits[place].settings.threshold == threshold]
    return Steps(tuple(said), tuple(circuits), (by_threshold or same)[0], origin)


def _said_of_path(point: Point, unit: str) -> str:
    """What is said of a circuit of a path; the KL is that on the prompts of the search."""
    if point.validation is not None and point.validation.faithfulness is not None:
        return _said(point.threshold, unit, point.edges, point.kl, point.reached, "validation prompts")
    return _said(point.threshold, unit, point.edges, point.kl, point.search_faithfulness, "prompts of the search")


def _said_of_sweep(point: SweepPoint, unit: str) -> str:
    threshold = point.threshold or 0
    return _said(threshold, unit, point.n_edges, point.kl, point.faithfulness, "prompts of the search")


def _said(threshold: float, unit: str, edges: int, kl: float, share: float, on: str) -> str:
    """`threshold 0.01 nats: 45 edges, KL 0.012 nats, recovers 92% on the validation prompts`."""
    recovers = "" if math.isnan(share) else f", recovers {share:.0%} on the {on}"
    return f"threshold {threshold:g} {unit}: {edges:,} edges, KL {number(kl)} nats{recovers}"
