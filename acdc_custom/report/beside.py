"""What other commands have found out about a report's circuit: whether it can be believed, how stable it is, and what
path or sweep it is from.

Owns where that lies, and that it is about this very circuit. What is not is refused: a page must not mix two circuits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.errors import ResultError
from acdc_custom.evaluate import content as evaluations
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.report.steps import Steps, read_steps
from acdc_custom.stability import content as studies
from acdc_custom.stability.record import Stability


@dataclass(frozen=True)
class RelatedResults:
    """What there is; None for what there is not. `folder` is the circuit's, as the user gave it, for commands."""

    folder: str = "FOLDER"
    evaluation: Evaluation | None = None
    stability: Stability | None = None
    steps: Steps | None = None


NOTHING = RelatedResults()


def read_beside(folder: Path, circuit: Circuit) -> RelatedResults:
    """What lies beside a circuit, and in the folder above it. Raises `ResultError` for what is damaged or another's."""
    steps = read_steps(folder, circuit)
    return RelatedResults(str(folder), _evaluation(folder, circuit), _stability(folder, circuit), steps)


def _evaluation(folder: Path, circuit: Circuit) -> Evaluation | None:
    path = folder / evaluations.JSON_NAME
    if not path.exists():
        return None
    evaluation = evaluations.load(path)
    source, settings = evaluation.source, circuit.settings
    kept = {kept.edge for kept in circuit.edges}
    removed = {removed.edge for each in evaluation.examined for removed in each.edges if removed.edge}
    changed = {
        "the task": source.task != circuit.task.name,
        "the model": source.weights_sha256 != circuit.model.weights_sha256,
        "the prompts": source.batch_sha256 != circuit.task.batch_sha256,
        "the ablation": source.ablation != settings.ablation,
        "the edges": source.n_edges != len(kept) or not removed <= kept,
    }
    if different := [what for what, has in changed.items() if has]:
        raise ResultError(
            f"{path} is about another circuit than the one beside it: {_are(different)} not the same. Evaluate this "
            f"one with: acdc-custom evaluate {quote(str(folder))}, or move that file away."
        )
    return evaluation


def _stability(folder: Path, circuit: Circuit) -> Stability | None:
    """The study in the folder above, if the circuit is its consensus or one of its runs."""
    here = folder.resolve()
    path = here.parent / studies.JSON_NAME
    if not path.exists():
        return None
    stability = studies.load_stability(path)
    origin = stability.provenance
    run = next((run for run in stability.runs if run.name == here.name), None)
    shares = stability.shares[Part.EDGES]
    if circuit.search.consensus:
        chosen = {share.member for share in shares if share.reaches(stability.share)}
        same_edges = chosen == {kept.edge for kept in circuit.edges}
    elif run is None:
        return None
    else:
        # A run that varies one thing alone may keep edges that none of those keeps that the shares are of.
        same_edges = run.sizes[Part.EDGES] == len(circuit.edges) and (
            run.varied != stability.varied
            or {kept.edge for kept in circuit.edges} <= {share.member for share in shares}
        )
    changed = {
        "the task": origin.task.sha256 != circuit.task.sha256,
        "the model": origin.model.weights_sha256 != circuit.model.weights_sha256,
        "the edges": not same_edges,
    }
    if different := [what for what, has in changed.items() if has]:
        raise ResultError(
            f"{path} is about other circuits than the one in {folder}: {_are(different)} not the same. Give the "
            "acdc-custom stability command again that made it, or move that file away."
        )
    return stability


def _are(different: list[str]) -> str:
    """`the task and the edges are`."""
    many = len(different) > 1 or different[0].endswith("s")
    return f"{' and '.join(different)} {'are' if many else 'is'}"
