"""From what the user typed after --task to a Task: a built-in name, or a path.

Owns where task files lie and how they are named. Knows nothing of what is in them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import acdc_custom
from acdc_custom.errors import TaskError, did_you_mean
from acdc_custom.task.parse import parse_task
from acdc_custom.task.records import decode, read_bytes
from acdc_custom.task.spec import RowSpec
from acdc_custom.task.task import Task


def task_names() -> tuple[str, ...]:
    """The built-in tasks, sorted."""
    return tuple(sorted(path.stem for path in _builtin_folder().glob("*.toml")))


def load_task(name: str | Path) -> Task:
    """The task of this name, or of the TOML file at this path.

    Anything with a path separator or ending in .toml is a path. Raises TaskError for an unknown
    name, a file that cannot be read, and everything in the file that cannot be right.
    """
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
    data = read_bytes(path)
    text = decode(data, file)
    spec = parse_task(file, path.parent, text)
    digest = hashlib.sha256(data)
    if isinstance(spec.prompts, RowSpec):
        digest.update(spec.prompts.sha256.encode())
    return Task(name=path.stem, file=file, path=path.resolve(), text=text, sha256=digest.hexdigest(), spec=spec)


def _builtin_folder() -> Path:
    package = Path(acdc_custom.__file__).parent
    installed = package / "tasks"
    return installed if installed.is_dir() else package.parent / "tasks"
