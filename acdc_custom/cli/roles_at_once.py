"""Roles at the end of a search: whether they are measured at once, and what is said of them.

By then the run has ended and its circuit is written: whatever happens here, nothing is lost.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.footprint import out_of_memory
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import duration
from acdc_custom.export.picture import draw_pictures
from acdc_custom.files.columns import paragraph
from acdc_custom.heads.expected import expected_seconds, fits, is_soon
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.summary import name_roles
from acdc_custom.progress.bar import ProgressBar


def roles_at_once(circuit: Circuit, prepared: PreparedBatch, folder: Path, wanted: bool | None) -> list[Path]:
    """Measure what the circuit's heads do, if it was asked for or is soon done, and say in a line what came out.

    Gives the files that were written; the pictures are drawn anew.
    """
    if wanted is False:
        return []
    command = f"acdc-custom roles {shlex.quote(str(folder))}"
    if obstacle := next(_obstacles(circuit, prepared, wanted), None):
        _say(obstacle.format(command=command))
        return []
    try:
        with ProgressBar() as progress:
            table = find_roles(prepared, circuit, on_progress=progress)
    except KeyboardInterrupt:
        raise click.Abort(f"stopped, with the circuit in {folder}. Measure what its heads do with: {command}") from None
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        _say(f"not measured: memory was full. By themselves: {command}")
        return []
    files = table.save(folder)
    draw_pictures(circuit, folder, lambda error: None, table)  # if it cannot be drawn, the search has said so
    _say(name_roles(table))
    return files


def _obstacles(circuit: Circuit, prepared: PreparedBatch, wanted: bool | None) -> Iterator[str]:
    """Why roles cannot be measured, or had better not be without being asked for."""
    if not circuit_heads(circuit):
        yield "none: there is no attention head in this circuit"
    if prepared.full.logit_diff == 0:
        yield "not measured: the model's logit difference is zero, so that there is nothing to explain"
    if wanted:
        return
    if not fits(prepared):
        yield "not measured: beside the search they might not fit into the memory. By themselves: {command}"
    seconds = expected_seconds(prepared, circuit)
    if not is_soon(seconds, circuit.search.seconds):
        yield f"not measured: that takes about {duration(seconds)}. Measure them with: {{command}}"


def _say(what: str) -> None:
    click.echo("\n".join(paragraph(what, "Roles      ", " " * 11)))
