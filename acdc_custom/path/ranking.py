"""The threshold at which every edge went: a path's ranking of all edges.

Owns what it is, and its file. Edges that no search of the path removed come first, those that the first one
removed last; of edges that went at one threshold, the one with the larger effect when it was last kept comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.files.table import Row, write_csv
from acdc_custom.graph import Edge

FILE_NAME = "edges.csv"


def went_at(circuits: Sequence[tuple[float, Circuit]]) -> dict[Edge, float | None]:
    """Of every edge of the model the threshold at which it went, None if it never did; in order of rank. In positions,
    of every edge at every span.

    `circuits` are nested, with their thresholds, the smallest threshold first.
    """
    if not circuits:
        return {}
    graph = circuits[0][1].graph
    kept = [{k.edge: k.strength for k in circuit.edges} for _, circuit in circuits]
    found: list[tuple[int, float, Edge]] = []
    spans = [span.name for span in circuits[0][1].spans]
    for edge in graph.edges_at(spans) if spans else graph.edges():
        survived = sum(edge in edges for edges in kept)
        found.append((survived, kept[survived - 1][edge] if survived else 0.0, edge))
    found.sort(key=lambda one: (-one[0], -one[1]))
    return {edge: circuits[survived][0] if survived < len(circuits) else None for survived, _, edge in found}


def write_ranking(folder: Path, circuits: Sequence[tuple[float, Circuit]]) -> Path:
    """`edges.csv`: every edge, first the most needed one. Raises `ResultError`."""
    rows: list[Row] = []
    for rank, (edge, threshold) in enumerate(went_at(circuits).items(), 1):
        went = "" if threshold is None else threshold
        at = {"span": edge.span} if edge.span else {}
        rows.append({"rank": rank, "sender": str(edge.sender), "receiver": str(edge.receiver), **at, "threshold": went})
    return write_csv(folder / FILE_NAME, rows)
