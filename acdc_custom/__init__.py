"""Exact, fast ACDC: which attention heads and MLPs do a task.

    circuit = discover("latest_s", "demo-4l", threshold=0.01)
    circuit.save("results/mine")
    draw(circuit, "results/mine/circuit.svg")

Importing this package does nothing heavy: torch and transformer_lens come with the first name that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from acdc_custom.version import __version__ as __version__

if TYPE_CHECKING:
    from acdc_custom.choices import Ablation, Device, Effect, Metric, Order, Precision
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.circuit.settings import SearchSettings
    from acdc_custom.circuit.summary import summarize
    from acdc_custom.compare.comparison import compare_circuits
    from acdc_custom.compare.content import load_comparison
    from acdc_custom.compare.entry import load_entries
    from acdc_custom.engine.prepared import prepare_batch
    from acdc_custom.errors import AcdcError
    from acdc_custom.evaluate.content import load as load_evaluation
    from acdc_custom.evaluate.evaluation import evaluate_circuit
    from acdc_custom.export.exchange import write as export_circuit
    from acdc_custom.export.picture import draw
    from acdc_custom.grid.status import grid_status, run_status
    from acdc_custom.heads.find import find_roles
    from acdc_custom.heads.patch import patch_paths
    from acdc_custom.heads.table import HeadTable
    from acdc_custom.known.content import load_known
    from acdc_custom.known.search import find_known_circuits
    from acdc_custom.model.catalogue import fetch as fetch_model
    from acdc_custom.model.given import load_model
    from acdc_custom.report.write import write_report
    from acdc_custom.runs.resume import resume_run
    from acdc_custom.search.discover import discover
    from acdc_custom.stability.content import load_stability
    from acdc_custom.stability.search import study_stability
    from acdc_custom.survey.prompts import survey_prompts
    from acdc_custom.sweep.content import load_sweep
    from acdc_custom.sweep.search import sweep_thresholds
    from acdc_custom.task.find import task_names
    from acdc_custom.task.given import load_task
    from acdc_custom.task.starter import write_starter
    from acdc_custom.task_check.measure import check_task

__all__ = [
    "Ablation",
    "AcdcError",
    "Circuit",
    "Device",
    "Effect",
    "HeadTable",
    "Metric",
    "Order",
    "Precision",
    "SearchSettings",
    "check_task",
    "compare_circuits",
    "discover",
    "draw",
    "evaluate_circuit",
    "export_circuit",
    "fetch_model",
    "find_known_circuits",
    "find_roles",
    "grid_status",
    "load_comparison",
    "load_entries",
    "load_evaluation",
    "load_known",
    "load_model",
    "load_stability",
    "load_sweep",
    "load_task",
    "patch_paths",
    "prepare_batch",
    "resume_run",
    "run_status",
    "study_stability",
    "summarize",
    "survey_prompts",
    "sweep_thresholds",
    "task_names",
    "write_report",
    "write_starter",
]

_HOMES = {
    "Ablation": ("choices", "Ablation"),
    "AcdcError": ("errors", "AcdcError"),
    "Circuit": ("circuit.circuit", "Circuit"),
    "Device": ("choices", "Device"),
    "Effect": ("choices", "Effect"),
    "HeadTable": ("heads.table", "HeadTable"),
    "Metric": ("choices", "Metric"),
    "Order": ("choices", "Order"),
    "Precision": ("choices", "Precision"),
    "SearchSettings": ("circuit.settings", "SearchSettings"),
    "check_task": ("task_check.measure", "check_task"),
    "compare_circuits": ("compare.comparison", "compare_circuits"),
    "discover": ("search.discover", "discover"),
    "draw": ("export.picture", "draw"),
    "evaluate_circuit": ("evaluate.evaluation", "evaluate_circuit"),
    "find_known_circuits": ("known.search", "find_known_circuits"),
    "export_circuit": ("export.exchange", "write"),
    "fetch_model": ("model.catalogue", "fetch"),
    "find_roles": ("heads.find", "find_roles"),
    "grid_status": ("grid.status", "grid_status"),
    "load_comparison": ("compare.content", "load_comparison"),
    "load_entries": ("compare.entry", "load_entries"),
    "load_evaluation": ("evaluate.content", "load"),
    "load_known": ("known.content", "load_known"),
    "load_model": ("model.given", "load_model"),
    "load_stability": ("stability.content", "load_stability"),
    "load_sweep": ("sweep.content", "load_sweep"),
    "load_task": ("task.given", "load_task"),
    "patch_paths": ("heads.patch", "patch_paths"),
    "prepare_batch": ("engine.prepared", "prepare_batch"),
    "resume_run": ("runs.resume", "resume_run"),
    "run_status": ("grid.status", "run_status"),
    "study_stability": ("stability.search", "study_stability"),
    "summarize": ("circuit.summary", "summarize"),
    "survey_prompts": ("survey.prompts", "survey_prompts"),
    "sweep_thresholds": ("sweep.search", "sweep_thresholds"),
    "task_names": ("task.find", "task_names"),
    "write_report": ("report.write", "write_report"),
    "write_starter": ("task.starter", "write_starter"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"acdc_custom.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
