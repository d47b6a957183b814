"""A new task file to begin with: right as it is, and explained line by line.

Owns what `starter.toml` becomes under a name of the user's, and that no file is ever overwritten.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files.reading import printable

STARTER = Path(__file__).with_name("starter.toml")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


def write_starter(name: str, out: Path | None = None) -> Path:
    """Write a starter task called `name`, by default to `name`.toml here. Gives the path.

    Raises `UsageError` for a name that a task cannot have, `ResultError` if the file is there already or cannot be
    written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" cannot be a task\'s name: it is made of letters from a to z, digits, _ and -. '
            "Example: acdc-custom tasks new my_task"
        )
    path = Path(f"{name}.toml") if out is None else out
    if path.suffix != ".toml":
        raise UsageError(f'--out {path}: a task file has to end in .toml, such as "{name}.toml"')
    text = STARTER.read_text(encoding="utf-8").replace("NAME", name).replace("FILE", shown_path(path))
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ResultError(f"{path} is there already, and is not overwritten. Choose another name, or --out.") from None
    except FileNotFoundError:
        raise ResultError(f"{path} cannot be written: there is no folder {path.parent}") from None
    except OSError as error:
        raise ResultError(f"{path} cannot be written: {error.strerror}") from None
    except ValueError:  # a NUL
        raise ResultError(f"{path} cannot be written: no file can have this name") from None
    return path


def shown_path(path: Path) -> str:
    """A task file's path as a command takes it."""
    return shlex.quote(printable(str(path)))
