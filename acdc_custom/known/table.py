"""What was found in known models, as lines for a terminal, as rows for a CSV file, and as JSON.

Owns the words and the columns. Imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from acdc_custom import __version__
from acdc_custom.analyses.table import Row
from acdc_custom.known.result import Trial
from acdc_custom.known.roc import Rates

SCHEMA = 1


def lines(trials: Sequence[Trial]) -> Iterator[str]:
    """A line per model and ablation, what the columns mean, and what was never found."""
    yield f"{'':<24}{'edges':>22}{'found':>16}{'area under the ROC curve of':>32}"
    yield (
        f"{'Model':<13}{'ablation':<11}{'all':>4}{'built':>8}{'changing':>10}{'right':>9}{'wrong':>7}"
        f"{'built':>10}{'changing':>11}{'nodes':>11}"
    )
    for trial in trials:
        right = len(trial.at_lowest & trial.built)
        yield (
            f"{trial.name:<13}{trial.ablation:<11}{trial.graph.n_edges:>4}{len(trial.built):>8}{len(trial.changing):>10}"
            f"{right:>9}{len(trial.at_lowest) - right:>7}"
            f"{trial.edge_auc:>10.3f}{trial.changing_auc:>11.3f}{trial.node_auc:>11.3f}"
        )
    first = trials[0].found
    yield ""
    yield "built       edges of the circuit that the model was made with, and the nodes that they leave"
    yield "changing    of these, edges whose removal changes what is read, with this ablation"
    yield (
        f"found       at the lowest threshold, {first[-1][0]:g}; areas are over {len(first)} thresholds, "
        f"from {first[0][0]:g} down"
    )
    for trial in trials:
        if trial.missed:
            yield f"Never found in {trial.name}, {trial.ablation} ablation: {', '.join(map(str, sorted(trial.missed)))}"


def to_rows(trials: Sequence[Trial]) -> list[Row]:
    """A row per model and ablation."""
    return [
        {
            "model": trial.name,
            "ablation": trial.ablation.value,
            "metric": trial.metric.value,
            "prompts": trial.n,
            "edges": trial.graph.n_edges,
            "built": len(trial.built),
            "changing": len(trial.changing),
            "found": len(trial.at_lowest),
            "wrong": len(trial.at_lowest - trial.built),
            "auc_edges": trial.edge_auc,
            "auc_nodes": trial.node_auc,
            "auc_changing": trial.changing_auc,
        }
        for trial in trials
    ]


def to_json(trials: Sequence[Trial], seed: int) -> str:
    """Everything: circuits that were built and found, curves and areas."""
    content = {
        "schema": SCHEMA,
        "packages": {"acdc-custom": __version__},
        "seed": seed,
        "trials": [_content(trial, row) for trial, row in zip(trials, to_rows(trials), strict=True)],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _content(trial: Trial, row: Row) -> Mapping[str, object]:
    return {
        **row,
        "about": trial.about,
        "circuit": {str(edge): list(parts) for edge, parts in trial.parts.items()},
        "changed": [str(edge) for edge in sorted(trial.changing)],
        "circuits": [
            {"threshold": threshold, "edges": [str(edge) for edge in sorted(edges)]} for threshold, edges in trial.found
        ],
        "curve": _points(trial.edge_curve(trial.built)),
        "curve_changing": _points(trial.edge_curve(trial.changing)),
    }


def _points(curve: Sequence[Rates]) -> list[list[float]]:
    return [[point.false_positive, point.true_positive] for point in curve]
