"""What methods found in known models, as lines for a terminal and as rows for a CSV file.

Owns the words and the columns. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from acdc_custom.files.columns import left, paragraph, right, table
from acdc_custom.files.table import Row
from acdc_custom.graph import Edge
from acdc_custom.known.result import BenchmarkResult

AREA = "area under the ROC curve of"
COLUMNS = (
    left("Model"),
    left("ablation"),
    left("method"),
    right("built", "circuit"),
    right("changing", "circuit"),
    right("right", "found"),
    right("wrong", "found"),
    right("missed", "found"),
    right("built", AREA),
    right("changing", AREA),
    right("nodes", AREA),
)
KEYS = 3
INDENT = " " * 10


def lines(trials: Sequence[BenchmarkResult]) -> Iterator[str]:
    """A line per model, ablation and method; what the columns mean; and what no search found."""
    yield from table(COLUMNS, [_cells(trial) for trial in trials], keys=KEYS)
    lowest = min(threshold for trial in trials for threshold, _ in trial.found)
    yield ""
    yield from paragraph(
        "edges of the circuit that the model was made with; nodes: those that they leave", "built     ", INDENT
    )
    yield from paragraph("of these, edges whose removal changes what is read, with this ablation", "changing  ", INDENT)
    yield from paragraph(
        f"at the lowest threshold, {lowest:g}: right, wrong; missed: of those that change what is read",
        "found     ",
        INDENT,
    )
    for trial in trials:
        if trial.decided and trial.missed:
            where = f"{trial.name}, {trial.ablation} ablation"
            yield from paragraph(f"{trial.method.title} never finds in {where}: {', '.join(_names(trial.missed))}")


def _cells(trial: BenchmarkResult) -> list[str]:
    right_edges = len(trial.at_lowest & trial.built)
    counts = (
        len(trial.built),
        len(trial.changing),
        right_edges,
        len(trial.at_lowest) - right_edges,
        len(trial.missed),
    )
    areas = (trial.edge_auc, trial.changing_auc, trial.node_auc)
    return [trial.name, trial.ablation.value, trial.method.name, *map(str, counts), *map(three, areas)]


def to_rows(trials: Sequence[BenchmarkResult]) -> list[Row]:
    """A row per model, ablation and method."""
    return [
        {
            "model": trial.name,
            "ablation": trial.ablation.value,
            "method": trial.method.name,
            "metric": trial.metric.value,
            "prompts": trial.n,
            "edges": trial.graph.n_edges,
            "built": len(trial.built),
            "changing": len(trial.changing),
            "found": len(trial.at_lowest),
            "wrong": len(trial.at_lowest - trial.built),
            "missed": len(trial.missed),
            "auc_edges": trial.edge_auc,
            "auc_nodes": trial.node_auc,
            "auc_changing": "" if trial.changing_auc is None else trial.changing_auc,
        }
        for trial in trials
    ]


def three(area: float | None) -> str:
    """An area to three places, or a dash where there is none."""
    return "-" if area is None else f"{area:.3f}"


def _names(edges: Iterable[Edge]) -> list[str]:
    return [str(edge) for edge in sorted(edges)]
