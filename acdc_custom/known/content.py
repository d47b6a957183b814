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
from acdc_custom.errors import count
from acdc_custom.files import records
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Edge, Graph, GraphShape
from acdc_custom.known.result import BenchmarkResult
from acdc_custom.known.roc import Rates
from acdc_custom.known.table import to_rows
from acdc_custom.search.registry import method_named
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME = "known.json"


@dataclass(frozen=True, repr=False)
class KnownResults(Tabular):
    """What `known.json` holds: what every method found in every model with every ablation.

    In a notebook it is the table of the areas under the ROC curves.
    """

    seed: int  # of the prompts
    trials: tuple[BenchmarkResult, ...]

    def __repr__(self) -> str:
        methods, models = {trial.method.name for trial in self.trials}, {trial.name for trial in self.trials}
        positions = ", in positions too" * any(trial.spans for trial in self.trials)
        return f"<KnownResults: {count(len(methods), 'method')} on {count(len(models), 'known model')}{positions}>"

    def to_rows(self) -> list[Row]:
        """A row per model, ablation and method, as in `known.csv`."""
        return to_rows(self.trials)

    def _repr_html_(self) -> str:
        from acdc_custom.known.areas import draw_areas

        return draw_areas(self.trials).to_svg()


def to_json(trials: Sequence[BenchmarkResult], seed: int) -> str:
    """Everything: circuits that were built and found, curves and areas."""
    content = {
        "packages": {"acdc-custom": __version__},
        "seed": seed,
        "trials": [{**_plain(row), **_trial(trial)} for trial, row in zip(trials, to_rows(trials), strict=True)],
    }
    return records.to_json(SCHEMA, content)


def load_known(where: str | Path) -> KnownResults:
    """Read a folder's `known.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
    return read_record(file_in(where, JSON_NAME), SCHEMA, "Make it with: acdc-custom known", _read)


def _plain(row: Row) -> dict[str, Any]:
    """A cell that is empty, where there is no number, is null."""
    return {name: None if cell == "" else cell for name, cell in row.items()}


def _trial(trial: BenchmarkResult) -> dict[str, Any]:
    """What is not in its row."""
    return {
        **({"spans": list(trial.spans)} if trial.spans else {}),
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
    spans = row.read("spans", tuple[str, ...]) if "spans" in row.content else ()
    circuit = row.read("circuit", dict[str, tuple[str, ...]])
    return BenchmarkResult(
        name=row.read("model", str),
        about=row.read("about", str),
        graph=graph,
        metric=_metric(row),
        ablation=row.read("ablation", Ablation),
        method=method_named(row.read("method", str)),
        n=row.read("prompts", int),
        parts={_edge(name, graph, spans): parts for name, parts in circuit.items()},
        changing=_edges(row, "changed", graph, spans),
        found=tuple((one.read("threshold", float), _edges(one, "edges", graph, spans)) for one in row.each("circuits")),
        spans=spans,
    )


def _metric(row: Parts) -> Metric | CustomMetric:
    """A function's unit is its own, and is not in its name."""
    metric = parse_metric(row.read("metric", str))
    return metric if isinstance(metric, Metric) else CustomMetric(metric.value, row.read("unit", str))


def _edges(row: Parts, name: str, graph: Graph, spans: Sequence[str]) -> frozenset[Edge]:
    return frozenset(_edge(edge, graph, spans) for edge in row.read(name, tuple[str, ...]))


def _edge(name: str, graph: Graph, spans: Sequence[str]) -> Edge:
    edge = Edge.named(name)
    if edge not in graph or edge.span not in (spans or ("",)):
        raise ValueError(f"the edge {edge} is not in its graph" + ", or no span of its prompts" * bool(spans))
    return edge
