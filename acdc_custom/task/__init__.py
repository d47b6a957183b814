"""Tasks: prompts, answers and corruptions from one small TOML file. Nothing here imports torch."""

from acdc_custom.task.batch import Batch, Prompt
from acdc_custom.task.find import load_task, task_names
from acdc_custom.task.task import Task

__all__ = ["Batch", "Prompt", "Task", "load_task", "task_names"]
