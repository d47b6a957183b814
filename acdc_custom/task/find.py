"""From what the user typed after --task to a Task: a built-in name, or a path.

Owns where task files lie and how they are named. What is in them is read by `parse.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from acdc_custom.errors import TaskError, did_you_mean
from acdc_custom.task.parse import parse_task
from acdc_custom.task.records import decode, read_bytes
from acdc_custom.task.spec import RowSpec
from acdc_custom.task.task import Task


def task_names() -> tuple[str, ...]:
    """The built-in tasks, sorted."""
    return tuple(sorted(path.stem for path in _builtin_folder().glob("*.toml")))


@dataclass(frozen=True)
class TaskFile:
    """A task file as it was found, not yet read."""

    path: Path
    file: str  # as messages name it
    data: bytes


def load_task(name: str | Path) -> Task:
    """The task of this name, or of the TOML file at this path.

    Anything with a path separator or ending in .toml is a path. Raises TaskError for an unknown
    name, a file that cannot be read, and everything in the file that cannot be right.
    """
    return read_task(find_task(name))


def find_task(name: str | Path) -> TaskFile:
    """The file of a task. Raises TaskError for an unknown name, and a file that cannot be read."""
    given = str(name)
    if isinstance(name, Path) or given.endswith(".toml") or "/" in given or "\\" in given:
        try:
            path = Path(name).expanduser()
        except RuntimeError as error:  # ~somebody who is not there
            raise TaskError(f"{given}: {error}") from None
        file = str(path)
    else:
        path = _builtin_folder() / f"{given}.toml"
        file = f"tasks/{path.name}"
        if given not in task_names():
            raise TaskError(
                f'there is no task "{given}".{did_you_mean(given, task_names())} '
                f"Built-in tasks: {', '.join(task_names())}; a path works too, such as ./mine.toml"
            )
    return TaskFile(path, file, read_bytes(path))


def read_task(found: TaskFile) -> Task:
    """What a task file says. Raises TaskError for what cannot be right in it: the first error, which has the others."""
    text = decode(found.data, found.file)
    spec = parse_task(found.file, found.path.parent, text)
    digest = hashlib.sha256(found.data)
    if isinstance(spec.prompts, RowSpec):
        digest.update(spec.prompts.sha256.encode())
    return Task(found.path.stem, found.file, found.path.resolve(), text, digest.hexdigest(), spec)


def _builtin_folder() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "tasks"
    return installed if installed.is_dir() else package.parent / "tasks"
