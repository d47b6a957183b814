"""A finished run of the bundled model, evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.evaluate.evaluation import evaluate_circuit
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.runs.reopen import reopen


@pytest.fixture(scope="session")
def evaluation(run_folder: Path) -> Evaluation:
    """With six prompts of each kind."""
    return evaluate_circuit(reopen(run_folder).prepared, Circuit.load(run_folder), n=6, draws=20)
