"""What methods found in known models, as `known.json`, which loads back exactly.

Owns the form of the file (schema 1). Counts, areas and curves are written for those who read the file without this
package: they follow from the circuits. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acdc_custom.choices import Ablation, CustomMetric, Metric, parse_metric
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts
from acdc_custom.graph import Edge, Graph, GraphShape
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import Rates
from acdc_custom.known.table import to_rows
from acdc_custom.search.registry import method_named
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME = "known.json"


@dataclass(frozen=True)
class KnownResults:
    """What `known.json` holds: what every method found in every model with every ablation."""

    seed: int  # of the prompts
    trials: tuple[BenchmarkResult, ...]


def to_json(trials: Sequence[BenchmarkResult], seed: int) -> str:
    """Everything: circuits that were built and found, curves and areas."""
    content = {
        "packages": {"acdc-custom": __version__},
        "seed": seed,
        "trials": [{**row, **_trial(trial)} for trial, row in zip(trials, to_rows(trials), strict=True)],
    }
    return records.to_json(SCHEMA, content)


def load_known(where: str | Path) -> KnownResults:
    """Read a folder's `known.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    return read_record(file_in(where, JSON_NAME), SCHEMA, "Make it with: acdc-custom known", _read)


def _trial(trial: BenchmarkResult) -> dict[str, Any]:
    """What is not in its row."""
    return {
        "auc_changing": trial.changing_auc,
        "about": trial.about,
        "unit": trial.metric.unit,
        "graph": trial.graph.shape,
        "circuit": {str(edge): list(parts) for edge, parts in trial.parts.items()},
        "changed": _names(trial.changing),
        "circuits": [{"threshold": threshold, "edges": _names(edges)} for threshold, edges in trial.found],
        "curve": _points(trial.edge_curve(trial.built)),
        "curve_changing": _points(trial.edge_curve(trial.changing) if trial.changing else ()),
    }


def _names(edges: Iterable[Edge]) -> list[str]:
    return [str(edge) for edge in sorted(edges)]


def _points(curve: Sequence[Rates]) -> list[list[float]]:
    return [[point.false_positive, point.true_positive] for point in curve]


# -- reading back -----------------------------------------------------------------------------------------


def _read(content: dict[str, Any]) -> KnownResults:
    whole = Parts(content)
    return KnownResults(whole.read("seed", int), tuple(map(_read_trial, whole.each("trials"))))


def _read_trial(row: Parts) -> BenchmarkResult:
    graph = Graph(row.read("graph", GraphShape))
    return BenchmarkResult(
        name=row.read("model", str),
        about=row.read("about", str),
        graph=graph,
        metric=_metric(row),
        ablation=row.read("ablation", Ablation),
        method=method_named(row.read("method", str)),
        n=row.read("prompts", int),
        parts={_edge(name, graph): parts for name, parts in row.read("circuit", dict[str, tuple[str, ...]]).items()},
        changing=_edges(row, "changed", graph),
        found=tuple((one.read("threshold", float), _edges(one, "edges", graph)) for one in row.each("circuits")),
    )


def _metric(row: Parts) -> Metric | CustomMetric:
    """A function's unit is its own, and is not in its name."""
    metric = parse_metric(row.read("metric", str))
    return metric if isinstance(metric, Metric) else CustomMetric(metric.value, row.read("unit", str))


def _edges(row: Parts, name: str, graph: Graph) -> frozenset[Edge]:
    return frozenset(_edge(edge, graph) for edge in row.read(name, tuple[str, ...]))


def _edge(name: str, graph: Graph) -> Edge:
    edge = Edge.named(name)
    if edge not in graph:
        raise ValueError(f"the edge {edge} is not in its graph")
    return edge
