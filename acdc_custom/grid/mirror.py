"""A run's folder, while the run is carried out where that folder cannot be seen.

Owns that what is brought from there can be gone on with at any time, and that nobody else writes here.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import IO

from acdc_custom.circuit.circuit import FILE_NAME
from acdc_custom.errors import ResultError
from acdc_custom.files.claim import FolderClaim, claim
from acdc_custom.files.writing import write_file
from acdc_custom.grid.desk import Files, JournalDelta
from acdc_custom.runs.folder import JOURNAL, REQUEST


def files_of(folder: Path) -> Files:
    """What it takes to go on with a run; nothing if it has not begun."""
    paths = [folder / name for name in (JOURNAL, REQUEST)]
    return {path.name: path.read_bytes() for path in paths} if all(path.exists() for path in paths) else {}


class RemoteRunFolder:
    """The folder, ours until it is closed. Raises `ResultError` if that cannot be, or another process has it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        claimed: FolderClaim | None = None
        try:
            folder.mkdir(exist_ok=True)
            claimed = claim(folder)
            if claimed is None:
                raise ResultError(f"another process is writing into {folder}.")
            self._journal: IO[bytes] = (folder / JOURNAL).open("a+b")
        except OSError as error:
            if claimed:
                claimed.give_back()
            raise ResultError(f"{folder} cannot be written to: {error.strerror}.") from error
        self._claim = claimed

    def known(self) -> tuple[int, str]:
        """How much of the journal is here, in bytes, and its SHA-256."""
        self._journal.seek(0)
        content = self._journal.read()
        return len(content), hashlib.sha256(content).hexdigest()

    def add(self, piece: JournalDelta) -> None:
        """Take over what is new, once the run has begun. Raises `ResultError`."""
        if piece.request is None:
            return
        write_file(self._folder / REQUEST, piece.request)
        self._journal.truncate(piece.offset)
        self._journal.write(piece.data)
        self._journal.flush()

    def finish(self, files: Files) -> None:
        """Take over all files; none at all, if the run failed before its first decision. Raises `ResultError`."""
        if JOURNAL in files:
            self.add(JournalDelta(0, files[JOURNAL], files.get(REQUEST)))
        # The circuit last, since a folder with a circuit is a run that has ended.
        for name in sorted(files.keys() - {JOURNAL, REQUEST}, key=lambda name: name == FILE_NAME):
            write_file(self._folder / name, files[name])
        if not files:
            with suppress(OSError):
                self._journal.close()
                (self._folder / JOURNAL).unlink()
            self._claim.give_back()
            with suppress(OSError):
                self._folder.rmdir()

    def close(self) -> None:
        """Let go of the folder."""
        self._journal.close()
        self._claim.give_back()
