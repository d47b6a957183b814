"""The folder of a path: `path.json`, and a run folder for every search.

Owns the file. It is written before the first search and after each, so that a path can be killed and resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, Self

from acdc_custom.circuit.circuit import FILE_NAME as CIRCUIT
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import is_claimed
from acdc_custom.files.reading import read_record
from acdc_custom.files.records import from_plain, to_json, to_plain
from acdc_custom.files.writing import write_file
from acdc_custom.path.plan import PathRequest, Point
from acdc_custom.runs.folder import JOURNAL

FILE_NAME = "path.json"
SCHEMA = 1


def new_folder(path: Path) -> Path:
    """A path's folder, if it can be made, and holds nothing yet. Raises `ResultError`."""
    for name in (FILE_NAME, CIRCUIT, JOURNAL):
        if (path / name).exists():
            again = f"Go on with: acdc-custom resume {quote(str(path))}, or give" if name == FILE_NAME else "Give"
            raise ResultError(f"{path} holds a {name} already. {again} another folder with --out.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(
            f"the output folder {path} cannot be made ({error.strerror}). Give another one with --out."
        ) from error
    return path


@dataclass(frozen=True)
class PathRecord:
    """What was asked for, and what has been found so far."""

    request: PathRequest
    points: tuple[Point, ...] = ()
    ended: bool = False

    def save(self, folder: Path) -> Path:
        """Write `path.json`, whole or not at all. Raises `ResultError`."""
        return write_file(folder / FILE_NAME, to_json(SCHEMA, to_plain(self)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it. Raises `ResultError`."""
        return read_record(folder / FILE_NAME, SCHEMA, f"{folder} holds no path.", cls._from_content)

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Self:
        return from_plain(cls, content)

    def with_points(self, points: Sequence[Point], *, ended: bool = False) -> Self:
        """The same with what has been found by now."""
        return replace(self, points=tuple(points), ended=ended)


def stopped(folder: Path, request: PathRequest) -> PathRecord | None:
    """The path in a folder that was stopped and asks for the same; None if there is none. Raises `ResultError` for one
    that is damaged."""
    if not (folder / FILE_NAME).exists() or is_claimed(folder):
        return None
    record = PathRecord.load(folder)
    return None if record.ended or record.request != request else record
