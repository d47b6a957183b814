"""Tasks are found by name or by path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acdc_custom.errors import TaskError
from acdc_custom.task import load_task, task_names

Write = Callable[..., Path]


def test_the_built_in_tasks_are_listed() -> None:
    assert {"antonyms", "ioi", "latest_s"} <= set(task_names())
    assert list(task_names()) == sorted(task_names())


@pytest.mark.parametrize("name", task_names())
def test_every_built_in_task_loads(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert task.path.is_file()
    assert task.description
    assert task.default_corruption in task.corruptions


def test_a_path_and_a_name_give_the_same_task() -> None:
    by_name = load_task("latest_s")
    by_path = load_task(by_name.path)
    assert by_path.spec == by_name.spec
    assert by_path.sha256 == by_name.sha256


def test_a_path_may_be_relative(write: Write, task_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(task_text).parent)
    assert load_task("mine.toml").name == "mine"
    assert load_task("./mine.toml").file == "mine.toml"


def test_the_hash_is_of_the_whole_text(write: Write, task_text: str) -> None:
    first = load_task(write(task_text)).sha256
    assert load_task(write(task_text)).sha256 == first
    assert load_task(write(task_text + "# a comment\n")).sha256 != first


def test_an_unknown_name_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(
        TaskError, match=r'no task "latests"\. Did you mean "latest_s"\?.*antonyms, capital_city, .*, ioi, latest_s'
    ):
        load_task("latests")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(TaskError, match=r"there is no file .*nowhere\.toml"):
        load_task("./nowhere.toml")


def test_a_folder_is_no_task(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="is a folder; name the file itself"):
        load_task(tmp_path)


def test_a_file_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('schema = 1\ndescription = "caf\xe9"\n'.encode("latin-1"))
    with pytest.raises(TaskError, match=r"latin\.toml, line 2: not UTF-8"):
        load_task(path)


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x.toml", "./" + "x" * 300 + ".toml", "./nul\0.toml"])
def test_a_path_that_cannot_be_is_one_clear_error(name: str) -> None:
    with pytest.raises(TaskError):
        load_task(name)
