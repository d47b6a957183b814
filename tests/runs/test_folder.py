"""A run's folder: made first, never shared, empty-handed after a false start."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from circuits import example_circuit

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import ResultError
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.memory import MemoryPlan
from acdc_custom.runs.folder import RunFolder, RunRequest, free_folder

DECISION = Decision(Edge(Sender.parse("m1"), Receiver.parse("logits")), True, 1.5, 0.1, Reason.EVALUATED, 7)


REQUEST = RunRequest("latest_s", "demo", 1332, MemoryPlan(2**33, 2**30, 50, 2**28), example_circuit().provenance)


def test_it_holds_the_request_the_journal_and_the_circuit(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path / "run") as run:
        run.ask(REQUEST)
        run.note(DECISION)
        files = run.finish(example_circuit())
    names = ["circuit.json", "decisions.jsonl", "run.json"]
    assert sorted(path.name for path in files) == names
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
        with pytest.raises(ResultError, match=r"which has not ended\. Resume with: acdc-custom resume"):
            RunFolder.begin(tmp_path)
        run.finish(example_circuit())
    with pytest.raises(ResultError, match=r"holds a run already\. Give another folder with --out"):
        RunFolder.begin(tmp_path)
    with pytest.raises(ResultError, match="has ended: there is nothing to resume"):
        RunFolder.reopen(tmp_path)


def test_what_was_asked_for_is_read_back_exactly(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.ask(REQUEST)
        run.note(DECISION)
    assert RunRequest.load(tmp_path) == REQUEST


def changed(*keys: str, value: object) -> str:
    content = json.loads(REQUEST.to_json())
    within = content
    for key in keys[:-1]:
        within = within[key]
    within[keys[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["provenance", "settings", "window"], "7", "provenance.settings.window is '7', expected int"),
        (["provenance", "settings", "window"], 0, "the window is 0: it must be at least 1"),
        (["edges"], -1, "edges is -1, expected at least 0"),
        (["memory", "chunk"], 0, "memory.chunk is 0, expected at least 1"),
        (["memory"], [], "memory is [], expected an object"),
        (["task"], 1, "task is 1, expected str"),
        (
            ["more"],
            1,
            "it has to be an object with task, model, edges, memory, provenance, roles, n_spans, edges_at_spans: "
            '"more" is none of them',
        ),
        (["schema"], True, 'it has no "schema"'),
        (["provenance"], [], "provenance is [], expected an object"),
        (["provenance", "settings", "order"], "x", "provenance.settings.order is 'x', expected one of: original,"),
        (["provenance", "settings", "device"], "x", "provenance.settings.device is 'x', expected one of: auto,"),
        (["provenance", "settings", "metric"], "x", 'no metric is called "x"'),
        (["provenance", "settings", "threshold"], float("nan"), "NaN is not a number that JSON has"),
        (["provenance", "settings", "threshold"], -1, "the threshold is -1"),
        (["provenance", "settings", "prompts", "seed"], -1, "the seed is -1"),
        (["provenance", "settings", "prompts", "n"], 0, "the number of prompts has to be 1 or more, not 0"),
    ],
)
def test_a_request_that_nobody_can_have_made_is_refused(
    tmp_path: Path, keys: list[str], value: object, message: str
) -> None:
    (tmp_path / "run.json").write_text(changed(*keys, value=value))
    with pytest.raises(ResultError) as error:
        RunRequest.load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/run.json is damaged: {message}")


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1}', '{"schema": 2}', "[]", '{"schema": "x"}'])
def test_a_damaged_request_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ResultError, match=r"run\.json (is damaged|was written by a newer)"):
        RunRequest.load(tmp_path)


def test_a_journal_is_read_back_without_a_line_that_was_cut_off(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.note(DECISION)
        run.note(DECISION)
    with (tmp_path / "decisions.jsonl").open("a") as journal:
        journal.write('{"sender": "m1", "rec')
    with RunFolder.reopen(tmp_path) as run:
        assert run.decisions() == [DECISION, DECISION]
        run.keep(1)
        run.note(dataclasses.replace(DECISION, kept=False))
        assert [d.kept for d in run.decisions()] == [True, False]


WHOLE = DECISION.to_json()
LINES = {
    "no JSON": "x",
    "nothing in it": "{}",
    "too little in it": '{"sender": "x"}',
    "a list": "[1]",
    "no reason": WHOLE.replace("evaluated", "x"),
    "no number": WHOLE.replace("0.1", "NaN"),
    "an infinite number": WHOLE.replace("0.1", "1e999"),
    "a text for a number": WHOLE.replace("0.1", '"nan"'),
    "a number for a truth": WHOLE.replace("true", "1"),
    "a key twice": WHOLE.replace('"kept"', '"effect"'),
    "kept without an evaluation": WHOLE.replace("evaluated", "dead"),
    "a line break of another kind": WHOLE + "\x0c",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_damaged_journal_is_told_with_the_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "decisions.jsonl").write_text(DECISION.to_json() + "\n" + line + "\n")
    with RunFolder.reopen(tmp_path) as run, pytest.raises(ResultError, match=r"decisions\.jsonl, line 2 is damaged"):
        run.decisions()


def test_a_journal_that_is_written_anew_is_still_ours_and_can_be_added_to(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    scored = [dataclasses.replace(DECISION, metric=None, reason=Reason.SCORED, kept=kept) for kept in (False, True)]
    with RunFolder.begin(tmp_path) as run:
        run.note(DECISION)
        run.rewrite(scored)
        assert run.decisions() == scored
        with pytest.raises(ResultError, match="another process is writing into"):
            RunFolder.reopen(tmp_path)
        run.note(DECISION)
        assert run.decisions() == [*scored, DECISION]
        run.keep(1)
        assert run.decisions() == scored[:1]
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.jsonl"]


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"holds no run: there is no decisions\.jsonl"):
        RunFolder.reopen(tmp_path)


def test_two_processes_cannot_write_into_one_folder(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.note(DECISION)
        with pytest.raises(ResultError, match="another process is writing into"):
            RunFolder.reopen(tmp_path)


def test_a_full_disk_is_reported_with_how_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.note(DECISION)
        monkeypatch.setattr(run, "_journal", Full())
        with pytest.raises(ResultError, match="What has been decided is kept; resume with"):
            run.note(DECISION)


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_run_that_fails_before_its_first_decision_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RunFolder.begin(tmp_path / "run"):
        raise RuntimeError
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_when_it_is_resumed_is_left_as_it_was(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path) as run:
        run.ask(REQUEST)
    with pytest.raises(RuntimeError), RunFolder.reopen(tmp_path):
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["decisions.jsonl", "run.json"]


def test_the_command_that_goes_on_can_be_pasted(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path / "a b") as run:
        run.note(DECISION)
        assert run.resume_command == f"acdc-custom resume '{tmp_path}/a b'"


@pytest.mark.parametrize("name", ["x" * 300, "run/decisions.jsonl"])
def test_a_path_that_cannot_be_is_one_clear_error(name: str, tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path / "run") as run:
        run.note(DECISION)
    for use in (RunFolder.begin, RunFolder.reopen):
        with pytest.raises(ResultError):
            use(tmp_path / name)


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
    settings = SearchSettings(threshold=0.01)
    first = free_folder(tmp_path, "latest_s", "HuggingFaceTB/SmolLM2", settings)
    assert first == tmp_path / "latest_s_HuggingFaceTB-SmolLM2_0.01"
    first.mkdir()
    assert free_folder(tmp_path, "latest_s", "HuggingFaceTB/SmolLM2", settings).name.endswith("0.01_2")
    free_folder(tmp_path, "é" * 250, "x" * 250, settings).mkdir()
    scored = SearchSettings(method="eap-ig", edges=200)
    assert free_folder(tmp_path, "latest_s", "demo-4l", scored).name == "latest_s_demo-4l_eap-ig_200"
    placed = SearchSettings(threshold=0.01, positions=True)
    assert free_folder(tmp_path, "latest_s", "demo-4l", placed).name == "latest_s_demo-4l_0.01_positions"
