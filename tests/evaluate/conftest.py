"""A finished run of the bundled model, evaluated."""

from __future__ import annotations

from pathlib import Path

import pytest

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.evaluate.evaluation import evaluate_circuit
from acdc_custom.evaluate.records import Evaluation
from acdc_custom.runs.reopen import reopen


@pytest.fixture(scope="session")
def evaluation(small_run: Path) -> Evaluation:
    """With six prompts of each kind."""
    return evaluate_circuit(reopen(small_run).prepared, Circuit.load(small_run), n=6, draws=20)
