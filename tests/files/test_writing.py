"""A file is written whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.errors import ResultError
from acdc_custom.files.writing import name_part, write_atomically, write_file


@pytest.mark.parametrize("content", ["", "é\nb\r\n", b"", b"\0\xff"])
def test_what_was_written_is_there_to_the_byte_in_a_folder_that_was_made(content: str | bytes, tmp_path: Path) -> None:
    path = write_file(tmp_path / "new" / "folder" / "x", content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    write_file(path, "again")
    assert path.read_text() == "again"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["os.replace", "os.fsync"])
def test_a_write_that_fails_leaves_the_file_as_it_was_and_no_other(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "circuit.json"
    path.write_text("before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "after")
    with pytest.raises(ResultError, match=r"circuit\.json could not be written: No space left on device\.$"):
        write_file(path, "after")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == "before"


def test_a_write_that_is_stopped_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "x", "after")
    assert list(tmp_path.iterdir()) == []


def test_files_have_ordinary_permissions(tmp_path: Path) -> None:
    plain, written = tmp_path / "plain", tmp_path / "written"
    plain.touch()
    write_file(written, "x")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="could not be written"):
        write_file(tmp_path / "file" / "folder" / "x", "x")


@given(st.text("abé./\\:*? -_\n", max_size=30), st.integers(1, 20))
def test_a_part_of_a_name_is_short_and_stays_in_its_folder(text: str, longest: int) -> None:
    part = name_part(text, longest)
    assert len(part) <= longest
    assert not set(part) & set('/\\:*?"<>| \n')
    assert not part.startswith((".", "-"))


def test_a_part_of_a_name_is_the_text_itself_where_it_can_be() -> None:
    assert name_part("latest_s.2-b", 99) == "latest_s.2-b"
    assert name_part("../org/model name", 99) == "org-model-name"
