"""The files of an evaluation, beside the circuit: `evaluation.json`, `evaluation.csv` and `evaluation.svg`."""

from __future__ import annotations

from pathlib import Path

from acdc_custom.evaluate.content import save
from acdc_custom.evaluate.picture import draw_evaluation
from acdc_custom.evaluate.records import Evaluation

PICTURE_NAME = "evaluation.svg"


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write all three, over those of an earlier evaluation; gives their paths. Raises `ResultError`."""
    return [*save(evaluation, folder), draw_evaluation(evaluation).save(Path(folder) / PICTURE_NAME)]
