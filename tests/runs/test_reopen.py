"""A finished run can be opened again, and only as what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from giving_task import TASK

from acdc_custom import discover, load_model, load_task
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli import main
from acdc_custom.errors import AcdcError, ResultError
from acdc_custom.runs.reopen import reopen
from acdc_custom.search.discover import completed


@pytest.fixture(scope="module")
def folder(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reopen")
    (folder / "mine.toml").write_text(TASK)
    small = ["--model", small_model, "--n", "4", "--held-out", "4", "--no-roles"]
    main(["discover", "--task", str(folder / "mine.toml"), *small, "--seed", "2", "--out", str(folder / "run")])
    return folder


def change(path: Path, *keys: str, to: Any) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    path.write_text(json.dumps(content))


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("circuit.json", "run.json"):
        (to / name).write_text((folder / "run" / name).read_text())
    return to


def test_the_circuit_comes_with_the_same_prompts_and_the_same_numbers(folder: Path) -> None:
    run = reopen(folder / "run")
    assert run.circuit.to_json() == Circuit.load(folder / "run").to_json()
    assert run.prepared.batch.sha256 == run.circuit.task.batch_sha256
    assert run.prepared.full.logit_diff == pytest.approx(run.circuit.outcome.model.logit_diff, abs=1e-5)
    assert run.source.task.endswith("mine.toml")


def test_heads_that_were_knocked_out_are_so_again(tmp_path: Path, small_model: str) -> None:
    whole = ["discover", "--task", "ioi", "--model", small_model, "--n", "4", "--threshold", "1", "--no-roles"]
    main([*whole, "--knock-out", "a1.h0,a0.h5", "--out", str(tmp_path / "run")])
    run = reopen(tmp_path / "run")
    assert [str(head) for head in run.prepared.knocked_out] == ["a0.h5", "a1.h0"]
    assert completed(run.prepared, SearchSettings(threshold=1)) == run.circuit.settings


def test_a_circuit_that_was_saved_from_python_needs_no_run_json(tmp_path: Path) -> None:
    task, model = load_task("latest_s"), load_model("demo-4l")
    path = discover(task, model, n=4).save(tmp_path)
    assert reopen(path).prepared.task.name == "latest_s"
    assert reopen(tmp_path).source.model == "demo-4l"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("model", "weights_sha256"), "the model .*two-layers changed since"),
        (("task", "batch_sha256"), "the prompts changed since"),
        (("settings", "prompts", "seed"), "the prompts changed since"),
    ],
)
def test_what_is_no_longer_the_same_is_refused_and_named(
    folder: Path, tmp_path: Path, keys: tuple[str, ...], said: str
) -> None:
    run = copy_of(folder, tmp_path / "run")
    change(run / "circuit.json", *keys, to=7 if keys[-1] == "seed" else "0" * 64)
    with pytest.raises(ResultError, match=said):
        reopen(run)


def test_a_task_file_that_was_edited_is_refused(folder: Path, tmp_path: Path) -> None:
    run = copy_of(folder, tmp_path / "run")
    edited = tmp_path / "mine.toml"
    edited.write_text(TASK.replace("Later", "Then"))
    change(run / "run.json", "task", to=str(edited))
    with pytest.raises(ResultError, match=r"the task .*mine.toml and the prompts changed since"):
        reopen(run)


def test_a_model_or_a_task_that_is_gone_is_one_line(folder: Path, tmp_path: Path) -> None:
    for key, to in (("model", "./no-such-model"), ("task", "./no-such.toml")):
        run = copy_of(folder, tmp_path / key)
        change(run / "run.json", key, to=to)
        with pytest.raises(AcdcError, match="no-such") as error:
            reopen(run)
        assert "\n" not in str(error.value)


def test_on_another_device_memory_is_planned_anew(folder: Path, tmp_path: Path) -> None:
    """What fitted on a GPU may not fit here."""
    run = copy_of(folder, tmp_path / "run")
    change(run / "run.json", "memory", "chunk", to=3)
    assert reopen(run).prepared.memory.chunk == 3, "the plan of the run, on its device"
    change(run / "circuit.json", "settings", "device", to="cuda")
    assert reopen(run, "cpu").prepared.memory.chunk == 4
