"""The model and the batch that were used last: jobs that share them do not load or compute them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import PreparedBatch, prepare_batch
from acdc_custom.memory import MemoryPlan
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.task import Task, load_task

Opener = Callable[[str, str, str], Model]  # of a name, a device and a dtype, as `open_model`


class Workspace:
    """Opens models as `open_model` does and prepares batches as `prepare_batch` does, and keeps the last of each.

    What is kept is let go before anything else is made, so that never two models or batches are in memory. `tasks`, by
    name, have been read already, perhaps on another machine. `opener` opens models in place of `open_model`.
    """

    def __init__(self, tasks: Mapping[str, Task] | None = None, opener: Opener | None = None) -> None:
        self._tasks = tasks or {}
        self._opener = opener
        self._opened: tuple[object, Model] | None = None
        self._prepared: tuple[object, PreparedBatch] | None = None

    def load(self, name: str) -> Task:
        """The task."""
        return self._tasks[name] if name in self._tasks else load_task(name)

    def open(self, name: str, device: str, dtype: str) -> Model:
        """The model."""
        key = (name, device, dtype)
        if self._opened is None or self._opened[0] != key:
            self._opened = self._prepared = None
            self._opened = (key, (self._opener or open_model)(name, device, dtype))
        return self._opened[1]

    def prepare(
        self, task: Task, model: Model, settings: SearchSettings, planned: MemoryPlan | None = None
    ) -> PreparedBatch:
        """The batch; a task whose file has changed is another one."""
        batch = (settings.prompts, settings.ablation, settings.knock_out, settings.memory_limit)
        key = (task.name, task.sha256, id(model), batch, planned)
        if self._prepared is None or self._prepared[0] != key:
            self._prepared = None
            self._prepared = (key, prepare_batch(task, model, settings, planned))
        return self._prepared[1]
