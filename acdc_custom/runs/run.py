"""One run in its folder: begun or resumed, and completed.

Owns the order of the steps that the commands and the workers of a grid share. Says nothing and shows nothing: the
caller opens models, receives every decision, and gets what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.choices import Order
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.decision import Decision
from acdc_custom.errors import ResultError
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.runs.folder import RunFolder, RunRequest
from acdc_custom.runs.settings import Job
from acdc_custom.search.discover import Choices, PreparedBatch, prepare_again, prepare_batch, search, whole_receivers
from acdc_custom.task import Task, load_task

Loader = Callable[[str], Task]  # of a name or a path, as `load_task`
Opener = Callable[[str, str, str], Model]  # of a name, a device and a dtype, as `open_model`
Preparer = Callable[..., PreparedBatch]  # as `prepare_batch`


@dataclass(frozen=True)
class Run:
    """A search that can begin, or resume after `earlier` decisions, in a folder that is ours."""

    folder: RunFolder
    prepared: PreparedBatch
    choices: Choices
    earlier: Sequence[Decision] = ()

    def complete(self, on_decision: Callable[[Decision], None] = lambda decision: None) -> tuple[Circuit, list[Path]]:
        """Search, note every decision, and write what was found; gives the circuit and all files of the run."""

        def note(decision: Decision) -> None:
            self.folder.note(decision)
            on_decision(decision)

        circuit = search(self.prepared, self.choices, note, self.earlier)
        return circuit, self.folder.finish(circuit)


def prepare_job(
    job: Job, opener: Opener = open_model, preparer: Preparer = prepare_batch, loader: Loader = load_task
) -> tuple[PreparedBatch, Choices, RunRequest]:
    """What the run of a job needs, and what its `run.json` says. Raises an `AcdcError`."""
    choices = Choices(job.threshold, job.metric, Order(job.order), job.order_seed, job.window)
    prepared = preparer(
        loader(job.task),
        opener(job.model, job.device, job.dtype),
        job.n,
        job.seed,
        job.corruption,
        job.ablation,
        job.memory_limit,
        knock_out=job.knock_out,
        templates=job.templates,
        resample=job.resample,
    )
    n_edges = prepared.model.graph.n_edges
    request = RunRequest(job.task, job.model, job.window, n_edges, prepared.memory, prepared.provenance(choices))
    return prepared, choices, request


def begin(
    folder: RunFolder,
    job: Job,
    opener: Opener = open_model,
    preparer: Preparer = prepare_batch,
    loader: Loader = load_task,
) -> Run:
    """What a new run needs; what was asked for is in the run's `run.json` then. Raises an `AcdcError`."""
    prepared, choices, request = prepare_job(job, opener, preparer, loader)
    folder.ask(request)
    return Run(folder, prepared, choices)


def resume(
    folder: RunFolder,
    request: RunRequest,
    opener: Opener = open_model,
    preparer: Preparer = prepare_batch,
    loader: Loader = load_task,
) -> Run:
    """What an interrupted run needs, whose `run.json` holds the request; its journal is cut after whole receivers.

    Raises `ResultError` when anything is no longer what it was.
    """
    settings = request.provenance.settings
    choices = Choices(settings.threshold, settings.metric, Order(settings.order), settings.order_seed, request.window)
    task, model = loader(request.task), opener(request.model, settings.device, settings.dtype)
    prepared = prepare_again(task, model, settings, request.memory, preparer)
    if differences := request.provenance.differences(prepared.provenance(choices)):
        raise ResultError(
            f"the run in {folder.path} cannot be resumed, since this has changed: {'; '.join(differences)}. "
            "Undo that, or begin a new run."
        )
    earlier = whole_receivers(folder.decisions(), prepared, choices)
    folder.keep(len(earlier))
    return Run(folder, prepared, choices, earlier)
