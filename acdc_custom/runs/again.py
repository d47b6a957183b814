"""A run that is asked for again: where it was stopped, and whether it is the same.

Owns the choice of a run's folder. A command that was stopped is given again as it was, and goes on: that asks for the
same task, prompts, model and settings, each as the run wrote them down. What never changes a circuit may differ.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from acdc_custom.choices import Device, parse_metric
from acdc_custom.circuit.circuit import FILE_NAME
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import AcdcError, ResultError
from acdc_custom.files.claim import is_claimed
from acdc_custom.model.open import open_tokenizer
from acdc_custom.runs.folder import JOURNAL, REQUEST, RunRequest, folders_named
from acdc_custom.task import load_task

# The prompts say what these come to; and neither the device's name nor memory is a part of what is asked.
OF_PROMPTS = ("n", "seed", "corruption", "templates", "resample")
OF_NO_MATTER = ("window", "memory_limit")


@dataclass(frozen=True)
class Place:
    """A run's folder, and whether a run that was stopped there goes on; else one begins."""

    folder: Path
    goes_on: bool


def place_for(task: str, model: str, settings: SearchSettings, parent: Path, out: Path | None) -> Place:
    """Where the run of a command goes: `out`, or in `parent` the folder where the same run was stopped, or a new one.

    `settings` are completed by the method. Raises `ResultError` if another run was stopped in `out`.
    """
    if out is None:
        for path in folders_named(parent, load_task(task).name, Path(model).name, settings):
            if not os.path.exists(path) or _is_unbegun(path):
                return Place(_cleared(path), False)
            if _is_stopped(path) and not _other(path, task, model, settings):
                return Place(path, True)
    assert out is not None
    if _is_unbegun(out):
        return Place(_cleared(out), False)
    if not _is_stopped(out):
        return Place(out, False)
    if other := _other(out, task, model, settings):
        raise ResultError(
            f"{out} holds another run, which has not ended: {other}. Resume that one with: acdc-custom resume "
            f"{quote(str(out))}, or give another folder with --out."
        )
    return Place(out, True)


def check_begun(folder: Path) -> None:
    """Raises `ResultError` for a folder in which a run was killed before it had written down what was asked."""
    if _is_unbegun(folder):
        raise ResultError(
            f"the run in {folder} was killed before it had begun: there is nothing to resume. Give its acdc-custom "
            "discover command again."
        )


def _is_stopped(folder: Path) -> bool:
    """Whether a run began there and has not ended, and no process is running it."""
    begun = (folder / JOURNAL).exists() and (folder / REQUEST).exists()
    return begun and not (folder / FILE_NAME).exists() and not is_claimed(folder)


def _is_unbegun(folder: Path) -> bool:
    """Whether a run was killed there before it had written down what was asked."""
    journal = folder / JOURNAL
    unasked = journal.is_file() and not journal.stat().st_size and not (folder / REQUEST).exists()
    return unasked and not (folder / FILE_NAME).exists() and not is_claimed(folder)


def _cleared(folder: Path) -> Path:
    (folder / JOURNAL).unlink(missing_ok=True)
    return folder


def _other(folder: Path, task: str, model: str, settings: SearchSettings) -> str:
    """What is asked for and is not what the run in a folder was asked for, such as `n: 100, now 50`; empty if nothing
    is."""
    try:
        request = RunRequest.load(folder)
    except ResultError as error:
        return str(error).removesuffix(".")
    asked, wanted = request.provenance.settings.flat(), settings.flat()
    found = load_task(task)
    wanted["metric"] = parse_metric(settings.metric or found.metric).value
    if settings.device is Device.AUTO:
        wanted["device"] = asked["device"]
    if request.model != model:
        return f"model: {request.model}, now {model}"
    if request.provenance.task.sha256 != found.sha256:
        return f"the task: {request.task}, now {task}, or another text of it"
    for name, value in wanted.items():
        if name not in (*OF_PROMPTS, *OF_NO_MATTER) and asked[name] != value:
            return f"{name.replace('_', '-')}: {asked[name]}, now {value}"
    try:
        batch = found.select(open_tokenizer(model), settings.prompts)
    except AcdcError:  # a new run will say what is wrong
        return "other prompts"
    if batch.sha256 == request.provenance.task.batch_sha256:
        return ""
    given = {name: wanted[name] for name in OF_PROMPTS if wanted[name] not in (None, "")}
    changed = [f"{name}: {asked[name]}, now {value}" for name, value in given.items() if asked[name] != value]
    if changed or asked["n"] == len(batch.prompts):
        return changed[0] if changed else "other prompts"
    return f"n: {asked['n']}, now {len(batch.prompts)}"
