"""One run in its folder: begun, or resumed, and ended.

Owns the order of the steps that the commands and the workers of a grid share. Says nothing and shows nothing: the
caller opens models, receives every decision, and gets what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.decision import Decision
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import PreparedBatch, Preparer, prepare_batch
from acdc_custom.errors import ResultError
from acdc_custom.export.picture import draw_pictures
from acdc_custom.model.open import open_model
from acdc_custom.runs.folder import JOURNAL, REQUEST, RunFolder, RunRequest
from acdc_custom.runs.job import Job
from acdc_custom.runs.workspace import Opener
from acdc_custom.search.discover import (
    OnDecision,
    completed,
    load_start,
    provenance,
    resumable,
    scored_decisions,
    search,
    start_effects,
)
from acdc_custom.search.held_out import score_draw
from acdc_custom.search.method import ScoringMethod
from acdc_custom.search.registry import method_named
from acdc_custom.task import Task, load_task
from acdc_custom.task.selection import Draw

Loader = Callable[[str], Task]  # of a name or a path, as `load_task`


@dataclass(frozen=True)
class Run:
    """A search that can begin, or be resumed after `earlier` decisions, in a folder that is ours."""

    folder: RunFolder
    request: RunRequest
    prepared: PreparedBatch
    earlier: Sequence[Decision] = ()
    start: Circuit | None = None  # the one that the settings' `start` names

    @property
    def settings(self) -> SearchSettings:
        """Of the search."""
        return self.request.provenance.settings

    def complete(
        self,
        on_decision: OnDecision = lambda decision: None,
        *,
        tested: bool = True,
        on_trouble: Callable[[ResultError], object] = lambda error: None,
    ) -> tuple[Circuit, list[Path]]:
        """Search, note every decision, and write what was found; gives the circuit and all files of the run.

        Unless it is `tested`, the circuit's test is left to somebody who has chosen it. A picture that cannot be drawn
        costs no run its circuit: `on_trouble` hears why.
        """

        def note(decision: Decision) -> None:
            self.folder.note(decision)
            on_decision(decision)

        circuit = search(self.prepared, self.settings, note, self.earlier, self.start)
        if tested:
            circuit = replace(circuit, test=score_draw(self.prepared, self.settings, circuit, Draw.TEST))
        if isinstance(method_named(self.settings.method), ScoringMethod):
            self.folder.rewrite(scored_decisions(self.folder.decisions(), circuit))
        pictures = draw_pictures(circuit, self.folder.path, on_trouble)
        # Last, since a folder with a circuit is a run that has ended.
        return circuit, [*self.folder.finish(circuit), *pictures]


def prepare_job(
    job: Job, opener: Opener = open_model, preparer: Preparer = prepare_batch, loader: Loader = load_task
) -> tuple[PreparedBatch, RunRequest]:
    """What the run of a job needs, and what its `run.json` says. Raises an `AcdcError`."""
    settings = method_named(job.settings.method).completed(job.settings)
    task, model = loader(job.task), opener(job.model, settings.device, settings.dtype)
    prepared = preparer(task, model, settings, None)
    graph, spans = prepared.model.graph, len(prepared.tokens.spans.names) if settings.positions else 0
    request = RunRequest(
        job.task,
        job.model,
        graph.n_edges,
        prepared.memory,
        provenance(prepared, settings),
        n_spans=spans,
        edges_at_spans=graph.n_edges_in(spans) if spans else 0,
    )
    return prepared, request


def begin(
    folder: RunFolder,
    job: Job,
    opener: Opener = open_model,
    preparer: Preparer = prepare_batch,
    loader: Loader = load_task,
    roles: bool | None = None,
    start: Circuit | None = None,
) -> Run:
    """What a new run needs; what was asked for is in the run's `run.json` then. Raises an `AcdcError`.

    `start` is the circuit that the settings' `start` names, where it is at hand; it may be empty.
    """
    if start is None:
        start = load_start(job.settings)
    prepared, request = prepare_job(job, opener, preparer, loader)
    request = replace(request, roles=roles)
    if start is not None:
        at_spans = start_effects(start, prepared, job.settings) if request.n_spans else None
        request = replace(request, edges=len(start.at_all_spans.edges), edges_at_spans=len(at_spans or ()))
    folder.ask(request, start)
    return Run(folder, request, prepared, start=start)


def resume(
    folder: RunFolder,
    request: RunRequest,
    opener: Opener = open_model,
    preparer: Preparer = prepare_batch,
    loader: Loader = load_task,
) -> Run:
    """What an interrupted run needs, whose `run.json` holds the request; its journal is cut where it can be resumed.

    Raises `ResultError` when anything is no longer what it was.
    """
    settings = request.provenance.settings
    task, model = loader(request.task), opener(request.model, settings.device, settings.dtype)
    prepared = preparer(task, model, settings, request.memory)
    if differences := request.provenance.differences(provenance(prepared, settings)):
        raise ResultError(
            f"the run in {folder.path} cannot be resumed, since this has changed: {'; '.join(differences)}. "
            "Undo that, or begin a new run."
        )
    start = folder.start()
    earlier = resumable(folder.decisions(), prepared, completed(prepared, settings), start)
    folder.keep(len(earlier))
    return Run(folder, request, prepared, earlier, start)


@contextmanager
def begin_or_resume(
    path: Path, job: Job, opener: Opener, preparer: Preparer, loader: Loader, start: Circuit | None = None
) -> Iterator[Run]:
    """The run of a job in a folder that has no circuit yet: resumed where it was begun, else begun (see `begin`).

    The folder is ours within the context. Raises an `AcdcError`.
    """
    if (path / JOURNAL).exists() and (path / REQUEST).exists():
        with RunFolder.reopen(path) as folder:
            yield resume(folder, RunRequest.load(path), opener, preparer, loader)
        return
    # A run that was killed before it wrote down what was asked has decided nothing.
    (path / JOURNAL).unlink(missing_ok=True)
    with RunFolder.begin(path) as folder:
        yield begin(folder, job, opener, preparer, loader, start=start)
