"""The file that a new task begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from acdc_custom.errors import ResultError, UsageError
from acdc_custom.task import load_task
from acdc_custom.task.starter import STARTER, write_starter


def test_a_starter_is_a_right_task_that_names_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = load_task(write_starter("my_task"))
    assert (task.name, task.corruptions) == ("my_task", ("switch", "rename"))
    assert task.text.startswith("# my_task: ") and "--task my_task.toml" in task.text
    assert "NAME" not in task.text and "FILE" not in task.text


def test_every_line_that_is_commented_out_is_right_too(tmp_path: Path) -> None:
    text = STARTER.read_text().replace('# source = "', 'source = "')
    for key in ("prepend_bos", "metric"):
        assert f"\n# {key} = " in text
        text = text.replace(f"\n# {key} = ", f"\n{key} = ")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    task = load_task(path)
    assert task.source and task.prepend_bos and task.metric == "kl"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(ResultError, match="is there already, and is not overwritten"):
        write_starter("mine", path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "ä", "a.toml", "x\n[words]", "-x"])
def test_a_name_that_cannot_be_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot be a task's name"):
        write_starter(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("out", ["mine", "mine.txt", ".toml"])
def test_a_file_that_no_command_would_take_for_a_task_is_refused(out: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has to end in \.toml"):
        write_starter("mine", tmp_path / out)


@pytest.mark.parametrize(("out", "said"), [("no/mine.toml", "there is no folder"), ("nul\0.toml", "no file can have")])
def test_a_place_that_cannot_be_written_is_told(out: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=said):
        write_starter("mine", tmp_path / out)


def test_an_odd_path_stays_one_comment(tmp_path: Path) -> None:
    odd = tmp_path / "a b\nx = 1.toml"
    assert load_task(write_starter("mine", odd)).spec == load_task(write_starter("mine", tmp_path / "b.toml")).spec
