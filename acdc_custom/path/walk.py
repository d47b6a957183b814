"""A path, walked: one run after the other, in folders of their own, until the plan has no next step.

Owns the order: what is prepared once, when validation prompts are asked, and what a finished path leaves behind. Says
and shows nothing: the caller is told of every step.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from acdc_custom.circuit.circuit import FILE_NAME, Circuit
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import ResultError
from acdc_custom.export.picture import draw_pictures
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.plan import Point, Step
from acdc_custom.runs.folder import JOURNAL, REQUEST, START
from acdc_custom.runs.job import Job
from acdc_custom.runs.run import Run, begin_or_resume
from acdc_custom.runs.workspace import Opener, Workspace
from acdc_custom.search.held_out import Scorer, prepare_draw, score
from acdc_custom.task.selection import Draw

OnRun = Callable[[Step, Run], Circuit]  # completes the run of a step, and may show how it goes


@dataclass
class Walk:
    """A path in its folder. `complete` completes runs as `Run.complete` does; `opener` opens the model."""

    folder: Path
    record: PathRecord
    complete: OnRun
    opener: Opener

    def __post_init__(self) -> None:
        self._workspace = Workspace(opener=self.opener)
        self._scorers: dict[Draw, Scorer | None] = {}

    def steps(self) -> Iterator[Point]:
        """Search on, step by step, from where the record ends. Raises an `AcdcError`."""
        points = list(self.record.points)
        self._save(points)  # so that it can be resumed from the beginning
        while (step := self.record.request.next_step(points)) is not None:
            points.append(self._point(step, self._circuit(step)))
            self._save(points)
            yield points[-1]
        self._save(points, ended=True)

    def _save(self, points: list[Point], *, ended: bool = False) -> None:
        self.record = self.record.with_points(points, ended=ended)
        self.record.save(self.folder)

    def _circuit(self, step: Step) -> Circuit:
        """The circuit of a step: found now, or by a path that was interrupted right after it."""
        where = self.folder / step.name
        if (where / FILE_NAME).exists():
            return Circuit.load(where)
        space = self._workspace
        with begin_or_resume(where, self._job(step), space.open, space.prepare, space.load) as run:
            return self.complete(step, run)

    def _job(self, step: Step) -> Job:
        request = self.record.request
        # Where an earlier step is meant, the start is its folder beside this one.
        start = str(self.folder / step.start) if step.start and step.start != request.settings.start else step.start
        settings = request.settings.with_(threshold=step.threshold, start=start)
        return Job(step.name, request.task, request.model, settings)

    def _point(self, step: Step, circuit: Circuit) -> Point:
        scorer = self._of(Draw.VALIDATION)
        return Point(
            threshold=step.threshold,
            start=step.start,
            edges=len(circuit.edges),
            evaluations=circuit.search.evaluations,
            seconds=circuit.search.seconds,
            kl=circuit.outcome.circuit.kl,
            search_faithfulness=circuit.outcome.faithfulness,
            validation=None if scorer is None else score(scorer, circuit),
        )

    def _of(self, draw: Draw) -> Scorer | None:
        """What scores circuits on a draw. Made once: all circuits of the path are found on the same prompts."""
        if draw not in self._scorers:
            self._scorers[draw] = prepare_draw(self.prepared(), self.record.request.settings, draw)
        return self._scorers[draw]

    def prepared(self) -> PreparedBatch:
        """The prompts that all circuits of the path are found on."""
        request, space = self.record.request, self._workspace
        model = space.open(request.model, request.settings.device, request.settings.dtype)
        return space.prepare(space.load(request.task), model, request.settings)

    def take(
        self, point: Point, on_trouble: Callable[[ResultError], object] = lambda error: None
    ) -> tuple[Circuit, list[Path]]:
        """Make the path's folder a run folder, too, that of the chosen circuit, which alone is tested. `on_trouble`
        hears why a picture could not be drawn."""
        chosen, files = self.folder / point.name, [self.folder / FILE_NAME]
        for name in (JOURNAL, REQUEST, START):
            if (chosen / name).exists():
                shutil.copyfile(chosen / name, self.folder / name)
                files.append(self.folder / name)
        circuit = Circuit.load(chosen)
        scorer = self._of(Draw.TEST)
        circuit = replace(circuit, test=None if scorer is None else score(scorer, circuit))
        draw_pictures(circuit, chosen, lambda error: None)
        pictures = draw_pictures(circuit, self.folder, on_trouble)
        for where in (chosen, self.folder):
            circuit.save(where)  # last, since a folder with a circuit is a run that has ended
        return circuit, [*files, *pictures]
