"""What `discover --path`, `discover --faithfulness` and `resume` share: a path, walked and shown."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from acdc_custom.cli.terminal import say
from acdc_custom.files.columns import KEPT, left, paragraph, right, table

if TYPE_CHECKING:
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.path.folder import PathRecord
    from acdc_custom.path.plan import Point, Step
    from acdc_custom.path.walk import Walk
    from acdc_custom.runs.run import Run


def walk_path(folder: Path, record: PathRecord) -> None:
    """Walk on from where the record ends; show every step, the whole, and what was chosen."""
    from acdc_custom.cli.running import echo_written, open_told
    from acdc_custom.files.claim import claim
    from acdc_custom.path.walk import Walk

    claimed = claim(folder)
    if claimed is None:
        raise click.UsageError(f"another process is writing into {folder}. Wait for it, or give another folder.")
    try:
        walk = Walk(folder, record, _Shown(record), open_told)
        try:
            for point in walk.steps():
                click.echo(_line(point, record.request.faithfulness))
        except KeyboardInterrupt:
            command = f"acdc-custom resume {shlex.quote(str(folder))}"
            raise click.Abort(f"stopped. Resume with: {command}") from None
        click.echo("")
        chosen = record.request.chosen(walk.record.points)
        for line in describe_path(walk.record, chosen):
            click.echo(line)
        if chosen is None:
            echo_written(_written(walk, chosen))
        else:
            _show_chosen(walk, chosen)
    finally:
        claimed.give_back()


class _Shown:
    """Completes the run of a step, with what is asked said once, before the first one."""

    def __init__(self, record: PathRecord) -> None:
        self._record = record
        self._described = False

    def __call__(self, step: Step, run: Run) -> Circuit:
        from acdc_custom.cli.running import describe_batch
        from acdc_custom.search.bar import SearchBar
        from acdc_custom.search.pace import forecast_of

        if not self._described:
            for line in describe_batch(run.prepared, None):
                say(line)
            self._described = True
        expected = forecast_of(run.prepared, run.settings, run.start)
        with SearchBar(run.request.edges, expected, run.earlier, f"Threshold {step.threshold:g}") as progress:
            circuit, _ = run.complete(progress.note, tested=self._record.request.faithfulness is None)
        return circuit


def _line(point: Point, wanted: float | None) -> str:
    """A step that has ended."""
    valid = "" if point.validation is None else f", {_reached(point, wanted)} on the validation prompts"
    return f"Threshold  {point.threshold:g}: {point.edges:,} edges{valid}; {_time(point.seconds).replace(KEPT, ' ')}"


def describe_path(record: PathRecord, chosen: Point | None) -> Iterator[str]:
    """A table of all circuits, smallest first, and which was chosen."""
    columns = (
        right("Threshold"), right("Edges"), right("Recovered: search"), right("validation"), right("KL: search"),
        right("validation"), right("Time"), left(""),
    )  # fmt: skip
    points = sorted(record.points, key=lambda point: (point.edges, -point.threshold))
    wanted = record.request.faithfulness
    yield from table(columns, [_cells(point, chosen, wanted) for point in points], keys=2)
    if chosen is not None and wanted is not None and chosen.reached < wanted:
        yield from paragraph(
            f"No circuit recovers {100 * wanted:g}% on the validation prompts: this is the one that comes nearest. "
            "Search more prompts (--n), or choose a task that the model does better.",
            "WARNING    ",
            " " * 11,
        )


def _cells(point: Point, chosen: Point | None, wanted: float | None) -> Sequence[str]:
    valid = point.validation
    return (
        f"{point.threshold:g}",
        f"{point.edges:,}",
        f"{point.search_faithfulness:.0%}",
        "-" if valid is None else _reached(point, wanted),
        f"{point.kl:.3f}",
        "-" if valid is None else f"{valid.circuit.kl:.3f}",
        _time(point.seconds),
        "chosen" if point == chosen else "",
    )


def _reached(point: Point, wanted: float | None) -> str:
    its = point.validation.faithfulness if point.validation else None
    return "not defined" if its is None else share_beside(its.value, wanted)


def share_beside(share: float, wanted: float | None) -> str:
    """`90%`; of a share below what is wanted that would be rounded up to it `89.7%`, cut after one decimal."""
    if wanted is not None and share < wanted <= round(share, 2):
        return f"{math.floor(1000 * share) / 10:.1f}%"
    return f"{share:.0%}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f}{KEPT}s" if seconds < 100 else f"{seconds / 60:.0f}{KEPT}min"


def _written(walk: Walk, chosen: Point | None) -> list[Path]:
    """Draw and write what belongs to the path as a whole."""
    from acdc_custom.circuit.circuit import Circuit
    from acdc_custom.path.folder import FILE_NAME
    from acdc_custom.path.picture import draw_path
    from acdc_custom.path.ranking import write_ranking

    folder, record = walk.folder, walk.record
    last = Circuit.load(folder / record.points[-1].name)
    title = f"Circuits of {last.task.name} in {last.model.name}, by {last.settings.method}"
    files = [folder / FILE_NAME, draw_path(record, title, chosen).save(folder / "path.svg")]
    if record.request.thresholds:
        circuits = [(point.threshold, Circuit.load(folder / point.name)) for point in record.points]
        files.append(write_ranking(folder, circuits))
    return files


def _show_chosen(walk: Walk, chosen: Point) -> None:
    """The chosen circuit, as a run shows its own."""
    from acdc_custom.cli.running import show_found, tell_trouble

    request = walk.record.request
    circuit, files = walk.take(chosen, tell_trouble)
    written, prepared = [*files, *_written(walk, chosen)], walk.prepared()
    show_found(
        circuit, prepared, walk.folder, written, request.roles, (request.task, request.model), request.faithfulness
    )
