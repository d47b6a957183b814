"""A task tried on a model before any search: what would go wrong, and what to do about it."""

from acdc_custom.task_check.findings import CorruptionCheck, TaskCheck

__all__ = ["CorruptionCheck", "TaskCheck"]
