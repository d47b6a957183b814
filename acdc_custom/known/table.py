"""What methods found in known models, as lines for a terminal and as rows for a CSV file.

Owns the words and the columns. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from acdc_custom.files.table import Row
from acdc_custom.graph import Edge
from acdc_custom.known.result import BenchmarkResult


def lines(trials: Sequence[BenchmarkResult]) -> Iterator[str]:
    """A line per model, ablation and method; what the columns mean; and what no search found."""
    wide = 2 + max(len(trial.method.name) for trial in trials)
    yield f"{'':<{24 + wide}}{'circuit':>15}{'found':>22}{'area under the ROC curve of':>31}"
    yield (
        f"{'Model':<13}{'ablation':<11}{'method':<{wide}}{'built':>5}{'changing':>10}"
        f"{'right':>8}{'wrong':>7}{'missed':>8}{'built':>10}{'changing':>10}{'nodes':>8}"
    )
    for trial in trials:
        right = len(trial.at_lowest & trial.built)
        yield (
            f"{trial.name:<13}{trial.ablation:<11}{trial.method.name:<{wide}}{len(trial.built):>5}{len(trial.changing):>10}"
            f"{right:>8}{len(trial.at_lowest) - right:>7}{len(trial.missed):>8}"
            f"{three(trial.edge_auc):>10}{three(trial.changing_auc):>10}{three(trial.node_auc):>8}"
        )
    lowest = min(threshold for trial in trials for threshold, _ in trial.found)
    yield ""
    yield "built     edges of the circuit that the model was made with; nodes: those that they leave"
    yield "changing  of these, edges whose removal changes what is read, with this ablation"
    yield f"found     at the lowest threshold, {lowest:g}: right, wrong; missed: of those that change what is read"
    for trial in trials:
        if trial.decided and trial.missed:
            where = f"{trial.name}, {trial.ablation} ablation"
            yield f"{trial.method.title} never finds in {where}: {', '.join(_names(trial.missed))}"


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
