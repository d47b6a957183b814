"""A folder that one process at a time writes into.

Owns the claim: a lock by the operating system on a hidden file in the folder, so that a process that ends, in whatever
way, has it no longer. The file goes when the claim is given back; one that a killed process left claims nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from acdc_custom.errors import ResultError

if TYPE_CHECKING:
    from filelock import FileLock

LOCK = ".lock"
PATIENCE = 0.06  # seconds: whoever looks with `is_claimed` has a claim for a moment
EVERYBODY = 0o666  # whoever can reach the folder can ask, if it is not theirs, too


class FolderClaim:
    """What `claim` gives: the folder is this process's until it is given back."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def give_back(self) -> None:
        """Let others have the folder; nothing, if that has been done."""
        if self._lock.is_locked:
            # While it is ours: a moment later it may be another's. Windows refuses, and there the lock removes it.
            with contextlib.suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()


def claim(folder: Path) -> FolderClaim | None:
    """Claim a folder; None if another process has it. Raises `OSError` if the folder cannot be written to."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, mode=EVERYBODY, thread_local=False)
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=PATIENCE / 6)
    except Timeout:
        return None
    return FolderClaim(lock)


def claim_for_output(folder: Path, busy: str, advice: str = "") -> FolderClaim:
    """Make a folder if it is not there, and claim it. Raises `ResultError`: `busy` if another process has it; with
    `advice` at its end if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        claimed = claim(folder)
    except OSError as error:
        raise ResultError(f"{folder} cannot be written to: {error.strerror}.{advice}") from error
    if claimed is None:
        raise ResultError(busy)
    return claimed


def is_claimed(folder: Path) -> bool:
    """Whether a process has claimed a folder; false where there is none, and where folders cannot be claimed."""
    if not (folder / LOCK).exists():
        return False
    try:
        free = claim(folder)
    except OSError:
        return False
    if free is None:
        return True
    free.give_back()
    return False
