"""One run, before it is a run: a folder's name, the task and the model as they were given, and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.files.records import seldom
from acdc_custom.model.catalogue import DEFAULT_MODEL


@dataclass(frozen=True)
class Job:
    """A run that is wanted: `name` is its folder's. One that comes `after` another one of its grid starts from that
    one's circuit."""

    name: str
    task: str
    model: str = DEFAULT_MODEL
    settings: SearchSettings = field(default_factory=SearchSettings)
    after: str = seldom("")  # the name of a run in the same grid; "": it starts from what the settings say

    def within(self, folder: Path) -> Job:
        """The same in a grid's folder, where the run that it comes after has a folder beside its own."""
        if not self.after:
            return self
        return replace(self, settings=self.settings.with_(start=str(folder / self.after)))

    @property
    def opened(self) -> tuple[object, ...]:
        """What its model depends on: jobs that share this share a loaded model."""
        return self.model, self.settings.device, self.settings.dtype

    @property
    def batch(self) -> tuple[object, ...]:
        """What its prompts and their activations depend on: jobs that share this share that work."""
        its = self.settings
        return (*self.opened, self.task, its.prompts, its.ablation, its.knock_out, its.memory_limit)
