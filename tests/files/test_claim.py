"""One process at a time has a folder, however it ends, and others can ask."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acdc_custom.files import claim as claim_module
from acdc_custom.files.claim import LOCK, claim, is_claimed

HOLD = """
import sys
from pathlib import Path
from acdc_custom.files.claim import claim
held = claim(Path(sys.argv[1]))
print("claimed" if held else "refused", flush=True)
sys.stdin.read()
held.give_back()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_until_the_first_gives_the_folder_back(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    assert claim(tmp_path) is None and is_claimed(tmp_path)
    other.communicate("", timeout=60)
    assert not is_claimed(tmp_path)
    held = claim(tmp_path)
    assert held
    held.give_back()


def test_a_killed_process_leaves_no_claim(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait(timeout=60)
    assert (tmp_path / LOCK).exists(), "nobody could remove it"
    assert not is_claimed(tmp_path)
    held = claim(tmp_path)
    assert held
    held.give_back()


def test_a_claim_leaves_no_file_behind_and_looking_makes_none(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path) and os.listdir(tmp_path) == []
    held = claim(tmp_path)
    assert held and is_claimed(tmp_path) and os.listdir(tmp_path) == [LOCK] and LOCK.startswith(".")
    held.give_back()
    held.give_back()
    assert os.listdir(tmp_path) == []


def test_what_is_given_back_twice_is_not_taken_from_the_next(tmp_path: Path) -> None:
    first = claim(tmp_path)
    assert first
    first.give_back()
    second = claim(tmp_path)
    first.give_back()
    assert second and is_claimed(tmp_path)
    second.give_back()


def test_a_claim_on_a_file_that_is_being_removed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who open the file before it goes with the first claim must not both have the folder afterwards."""
    if not hasattr(os, "fork"):
        pytest.skip("only where a file that is in use can be removed")
    import fcntl

    real, began = fcntl.flock, []

    def flock(fd: int, operation: int) -> None:
        if not began:  # opened, not locked yet: now the file goes, and somebody else comes first
            began.append(fd)
            os.unlink(tmp_path / LOCK)
            began.append(claim(tmp_path))
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert claim(tmp_path) is None
    assert began[1], "the other has it"
    began[1].give_back()


def test_whoever_can_reach_a_folder_can_ask_about_it(tmp_path: Path) -> None:
    held = claim(tmp_path)
    assert held
    if os.name == "posix":
        assert (tmp_path / LOCK).stat().st_mode & 0o666 == 0o666
    held.give_back()


def test_a_folder_that_is_not_there_is_not_claimed_and_cannot_be(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path / "none")
    (tmp_path / "file").touch()
    assert not is_claimed(tmp_path / "file")
    with pytest.raises(OSError):
        claim(tmp_path / "file")


def test_what_stands_in_the_place_of_the_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(OSError):
        claim(tmp_path)
    assert not is_claimed(tmp_path)


def test_importing_it_imports_no_lock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {claim_module.__name__}; print('filelock' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
