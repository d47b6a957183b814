"""A run's folder: made first, never shared, empty-handed after a false start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from circuits import example_circuit

from acdc_custom.decision import Decision, Reason
from acdc_custom.errors import ResultError
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.run_folder import RunFolder, free_folder

DECISION = Decision(Edge(Sender.parse("m1"), Receiver.parse("logits")), True, 1.5, 0.1, Reason.EVALUATED, 7)


def test_it_holds_the_journal_the_circuit_and_its_pictures(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path / "run") as run:
        run.note(DECISION)
        files = run.finish(example_circuit())
    assert sorted(path.name for path in files) == ["circuit.dot", "circuit.json", "circuit.svg", "decisions.jsonl"]
    assert sorted(files) == sorted((tmp_path / "run").iterdir())
    assert json.loads((tmp_path / "run" / "decisions.jsonl").read_text()) == {
        "sender": "m1",
        "receiver": "logits",
        "kept": True,
        "effect": 1.5,
        "metric": 0.1,
        "reason": "evaluated",
        "evaluations": 7,
    }


def test_a_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.note(DECISION)
    with pytest.raises(ResultError, match=r"holds a run already\. Give another folder with --out"):
        RunFolder.begin(tmp_path)


def test_a_run_that_fails_before_its_first_decision_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RunFolder.begin(tmp_path / "run"):
        raise RuntimeError
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_later_keeps_its_journal(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RunFolder.begin(tmp_path / "run") as run:
        run.note(DECISION)
        raise RuntimeError
    assert len((tmp_path / "run" / "decisions.jsonl").read_text().splitlines()) == 1


def test_what_else_is_in_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RuntimeError), RunFolder.begin(tmp_path):
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match=r"cannot be written to \(Not a directory\). Give another one with --out"):
        RunFolder.begin(tmp_path / "file" / "run")


def test_default_names_say_what_the_run_is_and_are_never_taken_twice(tmp_path: Path) -> None:
    first = free_folder(tmp_path, "latest_s", "HuggingFaceTB/SmolLM2", 0.01)
    assert first == tmp_path / "latest_s_HuggingFaceTB-SmolLM2_0.01"
    first.mkdir()
    assert free_folder(tmp_path, "latest_s", "HuggingFaceTB/SmolLM2", 0.01).name.endswith("0.01_2")
