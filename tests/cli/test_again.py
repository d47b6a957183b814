"""A command that was stopped is given again: it goes on, or says in one line why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from circuits import example_circuit
from commands import Run

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.errors import ResultError
from acdc_custom.grid import Grid, Job, Kind
from acdc_custom.grid.folder import GridFolder
from acdc_custom.path.folder import PathRecord, stopped
from acdc_custom.path.plan import PathRequest
from acdc_custom.runs.again import Place, place_for
from acdc_custom.runs.folder import RunFolder
from acdc_custom.runs.resume import resume_run

NAME = Path("results/ioi_demo-4l_0.01")
SETTINGS = SearchSettings.of(threshold=0.01, n=8)
COMMAND = ("discover", "--task", "ioi", "--n", "8", "--no-roles")


@pytest.fixture
def half(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished run's command, stopped in the middle, in the folder that it had by default."""
    monkeypatch.chdir(tmp_path)
    NAME.mkdir(parents=True)
    shutil.copy2(run_folder / "run.json", NAME)
    rows = (run_folder / "decisions.jsonl").read_text().splitlines(keepends=True)
    (NAME / "decisions.jsonl").write_text("".join(rows[: len(rows) // 2]))
    return NAME


def place(settings: SearchSettings = SETTINGS, out: Path | None = None, task: str = "ioi") -> Place:
    return place_for(task, "demo-4l", settings, Path("results"), out)


@pytest.mark.parametrize("out", [(), pytest.param(("--out", str(NAME)), marks=pytest.mark.slow)])
def test_the_same_command_goes_on_and_finds_the_same_circuit(
    run: Run, half: Path, run_folder: Path, out: tuple[str, ...]
) -> None:
    code, shown, _ = run(*COMMAND, *out)
    assert code == 0 and "Resumed    " in shown
    found, whole = Circuit.load(half), Circuit.load(run_folder)
    assert (found.edges, found.outcome, found.test) == (whole.edges, whole.outcome, whole.test)
    assert [path.name for path in half.parent.iterdir()] == [half.name]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"n": 9}, "n: 8, now 9"),
        ({"n": None}, "n: 8, now 100"),
        ({"seed": 1}, "seed: 0, now 1"),
        ({"corruption": "swap"}, "corruption: rename, now swap"),
        ({"ablation": "zero"}, "ablation: corrupted, now zero"),
        ({"metric": "logit-diff"}, "metric: kl, now logit-diff"),
        ({"held_out": 3}, "held-out: 100, now 3"),
        ({"refine": True}, "refine: False, now True"),
        ({"knock_out": "a0.h1"}, "knock-out: , now a0.h1"),
    ],
    ids=str,
)
def test_another_command_gets_a_folder_of_its_own_or_is_told_why_it_cannot_go_on(
    half: Path, changed: dict[str, object], why: str
) -> None:
    other = SETTINGS.with_(**changed)
    assert place(other) == Place(Path(f"{NAME}_2"), False)
    with pytest.raises(ResultError, match="holds another run, which has not ended: ") as error:
        place(other, half)
    assert why in str(error.value)
    assert "\n" not in str(error.value) and f"acdc-custom resume {half}" in str(error.value)


def test_what_changes_no_circuit_may_differ(half: Path) -> None:
    for changed in ({"window": 3}, {"memory_limit": 10**9}, {"device": "cpu"}, {"corruption": "rename"}):
        assert place(SETTINGS.with_(**changed)) == Place(half, True)


def test_a_run_that_has_ended_or_is_running_is_left_alone(half: Path) -> None:
    with RunFolder.reopen(half):
        assert place() == Place(Path(f"{NAME}_2"), False)
    example_circuit().save(half)
    assert place() == Place(Path(f"{NAME}_2"), False)


def test_a_run_that_was_killed_before_its_first_line_is_named_as_empty(run: Run, half: Path) -> None:
    (half / "run.json").unlink()
    (half / "decisions.jsonl").write_text("")
    code, shown, _ = run("status", str(half))
    assert code == 0 and "It was killed before it had begun: give its discover command again" in shown
    code, _, error = run("resume", str(half))
    assert code == 1 and error.count("\n") == 1 and "there is nothing to resume" in error
    assert place() == place(out=half) == Place(half, False)
    with RunFolder.begin(half):
        pass


def test_a_run_that_was_killed_before_its_first_decision_can_be_resumed(run: Run, half: Path) -> None:
    (half / "decisions.jsonl").write_text("")
    assert "Resume with: acdc-custom resume" in run("status", str(half))[1]
    assert place() == Place(half, True)


def test_a_run_that_was_stopped_is_resumed_in_python(half: Path, run_folder: Path) -> None:
    found, whole = resume_run(half, progress=False), Circuit.load(run_folder)
    assert (found.edges, found.outcome, found.test) == (whole.edges, whole.outcome, whole.test)
    assert resume_run(str(half)) == found == Circuit.load(half), "one that has ended is read"


def test_the_folder_of_many_runs_is_not_resumed_in_python(tmp_path: Path) -> None:
    (tmp_path / "grid.json").touch()
    with pytest.raises(ResultError, match="is of many runs"):
        resume_run(tmp_path)


def test_a_path_goes_on_when_it_is_asked_for_again(tmp_path: Path) -> None:
    request = PathRequest("ioi", "demo-4l", SETTINGS.with_(threshold=None), (0.01, 0.1), None, None)
    record = PathRecord(request)
    assert stopped(tmp_path, request) is None
    record.save(tmp_path)
    assert stopped(tmp_path, request) == record
    assert stopped(tmp_path, PathRequest("ioi", "demo-4l", SETTINGS, (0.01, 0.1), None, None)) is None
    record.with_points((), ended=True).save(tmp_path)
    assert stopped(tmp_path, request) is None


def test_status_of_a_folder_lists_every_run_below_it(run: Run, half: Path, run_folder: Path) -> None:
    shutil.copytree(run_folder, "results/deep/ended")
    Path("results/broken").mkdir()
    Path("results/broken/circuit.json").write_text("{}")
    Path("results/empty").mkdir()
    Path("results/empty/decisions.jsonl").write_text("")
    with GridFolder(Path("results/many"), Grid(Kind.SWEEP, (Job("a", "ioi"),))):
        pass
    PathRecord(PathRequest("ioi", "demo-4l", SETTINGS, (0.01, 0.1), None, None)).save(Path("results/path"))
    code, shown, _ = run("status", "results")
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()[2:]}
    assert code == 0 and shown.startswith("Runs       6 runs below results\n")
    ended = Circuit.load(run_folder)
    assert ended.test is not None and ended.test.faithfulness is not None
    assert rows["deep/ended"][:3] == ["done", str(len(ended.edges)), f"{ended.test.faithfulness.value:.0%}"]
    assert rows[half.name] == ["stopped", "50%", "decided"]
    assert rows["broken"] == ["damaged"] and rows["empty"] == ["empty"]
    assert rows["many"] == ["0", "of", "1", "done"] and rows["path"] == ["stopped", "0", "circuits"]
