"""A task tried on a model before any search: what would go wrong, and what to do about it."""

from acdc_custom.task_check.findings import TaskCheck, Tried

__all__ = ["TaskCheck", "Tried"]
