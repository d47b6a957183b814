"""One run, before it is a run: a folder's name, the task and the model as they were given, and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.model.catalogue import DEFAULT_MODEL


@dataclass(frozen=True)
class Job:
    """A run that is wanted: `name` is its folder's."""

    name: str
    task: str
    model: str = DEFAULT_MODEL
    settings: SearchSettings = field(default_factory=SearchSettings)

    @property
    def opened(self) -> tuple[object, ...]:
        """What its model depends on: jobs that share this share a loaded model."""
        return self.model, self.settings.device, self.settings.dtype

    @property
    def batch(self) -> tuple[object, ...]:
        """What its prompts and their activations depend on: jobs that share this share that work."""
        its = self.settings
        return (*self.opened, self.task, its.prompts, its.ablation, its.knock_out, its.memory_limit)
