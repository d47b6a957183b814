"""What a user types, and what comes back."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circuits import example_circuit
from commands import Run

from acdc_custom.circuit.circuit import Circuit


def discover(run: Run, model: str, *more: str) -> tuple[int, str, str]:
    return run(
        "discover", "--task", "ioi", "--model", model, "--threshold", "0.01", "--n", "4", "--held-out", "4",
        "--no-roles", *more,
    )  # fmt: skip


@pytest.mark.parametrize("task", [pytest.param("latest_s", marks=pytest.mark.slow), "ioi", "antonyms"])
def test_discover_finds_a_circuit_of_each_built_in_task(run: Run, task: str) -> None:
    code, out, _ = run("discover", "--task", task, "--n", "8", "--no-roles")
    assert code == 0
    folder = Path("results") / f"{task}_demo-4l_0.01"
    assert sorted(path.name for path in folder.iterdir()) == [
        "circuit.dot",
        "circuit.json",
        "circuit.svg",
        "decisions.jsonl",
        "run.json",
    ]
    circuit = Circuit.load(folder)
    journal = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    assert len(journal) == circuit.graph.n_edges
    kept = [(d["sender"], d["receiver"], d["effect"]) for d in journal if d["kept"]]
    assert kept == [(str(k.edge.sender), str(k.edge.receiver), k.effect) for k in circuit.edges]
    assert 0 < len(circuit.edges) < circuit.graph.n_edges / 4
    assert all(k.effect >= 0.01 for k in circuit.edges)
    assert circuit.outcome.circuit.kl == pytest.approx(circuit.outcome.metric_after)
    assert circuit.outcome.circuit.kl < 0.25 * circuit.outcome.empty.kl
    assert circuit.outcome.faithfulness > 0.7
    assert out.startswith("Model      demo-4l (GPT-2 architecture), 4 layers of 8 heads")
    for said in ("The model  logit difference", "Strongest edges", f"of {circuit.graph.n_edges:,} edges", str(folder)):
        assert said in out
    ElementTree.fromstring((folder / "circuit.svg").read_text())


def test_every_setting_and_the_provenance_are_in_the_result(run: Run, small_model: str) -> None:
    assert (
        discover(
            run, small_model, "--seed", "3", "--corruption", "rename", "--metric", "logit-diff", "--dtype", "float64"
        )[0]
        == 0
    )
    circuit = Circuit.load("results/ioi_two-layers_0.01")
    its = circuit.settings.prompts
    assert (its.n, its.seed, its.corruption) == (4, 3, "rename")
    assert (circuit.settings.metric, circuit.settings.dtype, circuit.settings.threshold) == (
        "logit-diff",
        "float64",
        0.01,
    )
    assert circuit.task.text.startswith("# ") and len(circuit.task.sha256) == 64
    assert len(circuit.model.weights_sha256) == len(circuit.task.batch_sha256) == 64
    assert {"acdc-custom", "python", "torch", "transformer_lens", "transformers"} <= set(circuit.packages)


def test_the_same_command_twice_gives_the_same_circuit_in_another_folder(run: Run, small_model: str) -> None:
    assert discover(run, small_model)[0] == discover(run, small_model)[0] == 0
    first, second = (Circuit.load(f"results/ioi_two-layers_0.01{end}") for end in ("", "_2"))
    assert (first.edges, first.outcome, first.task) == (second.edges, second.outcome, second.task)


def test_the_window_never_changes_the_circuit(run: Run, small_model: str) -> None:
    kept = []
    for window in ("1", "7"):
        assert discover(run, small_model, "--window", window, "--dtype", "float64", "--out", window)[0] == 0
        kept.append([k.edge for k in Circuit.load(window).edges])
    assert kept[0] == kept[1]


@pytest.mark.parametrize("options", [["--ablation", "mean"], ["--order", "random", "--order-seed", "3"]])
def test_ablations_and_orders_are_recorded_and_matter(run: Run, options: list[str], small_model: str) -> None:
    assert (
        discover(run, small_model, "--out", "plain")[0]
        == discover(run, small_model, *options, "--out", "other")[0]
        == 0
    )
    plain, other = Circuit.load("plain"), Circuit.load("other")
    assert plain.provenance.differences(other.provenance)[0].startswith(f"settings.{options[0][2:]}: ")
    assert plain.edges != other.edges


def test_a_metric_of_ones_own_is_a_function_beside_the_command(run: Run, small_model: str) -> None:
    Path("own_metric.py").write_text(
        "def foil(logits, batch):\n"
        "    first = [foils[0] for foils in batch.foils]\n"
        "    return logits.softmax(-1)[:, range(len(first)), first]\n"
        "def wrong(logits, batch):\n    return logits\n"
        "def broken(logits, batch):\n    return 1 / 0\n"
    )
    Path("broken_metric.py").write_text("raise NameError('nonsense')\n")
    code, out, _ = discover(run, small_model, "--metric", "own_metric:foil")
    assert code == 0 and "at threshold 0.01 units" in out
    for name, message in (
        ("own_metric:wrong", "it has to give a tensor of shape"),
        ("own_metric:broken", "the metric own_metric:broken failed: ZeroDivisionError"),
        ("own_metric:nothing", "cannot be loaded"),
        ("broken_metric:any", "cannot be loaded: nonsense. Give module:function."),
        ("no_such_module:f", "No module named 'no_such_module'"),
    ):
        code, _, err = discover(run, small_model, "--metric", name, "--out", "bad")
        assert code in (1, 2) and message in err.splitlines()[-1]
        assert not Path("bad").exists()


def test_a_task_of_ones_own_is_named_by_its_path(run: Run) -> None:
    people = [("Alice", "Bob"), ("Mary", "John"), ("Tom", "Anna")]
    question = "{} is a teacher. The teacher is"
    rows = [
        {"clean": question.format(a), "corrupted": question.format(b), "answer": f" {a}", "foil": f" {b}"}
        for a, b in people
    ]
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("mine.toml").write_text('schema = 1\ndescription = "Who teaches?"\nrows = "rows.jsonl"\n')
    code, out, _ = run("discover", "--task", "mine.toml")
    assert code == 0
    assert "Task       mine: Who teaches?" in out
    assert Circuit.load("results/mine_demo-4l_0.01").settings.prompts.n == 3


def test_show_and_draw_read_a_run_folder(run: Run, small_model: str) -> None:
    discover(run, small_model, "--out", "run")
    code, out, _ = run("show", "run", "--edges", "2")
    shown = [line.split() for line in out.splitlines() if " -> " in line]
    assert code == 0
    assert shown == [[*str(k.edge).split(), f"{k.effect:.4f}"] for k in Circuit.load("run").strongest(2)]
    code, none, _ = run("show", "run", "--edges", "0")
    assert code == 0 and out.startswith(none) and " -> " not in none
    for name in ("report.html", "evaluation.json"):
        Path("run", name).write_text("")
    code, out, _ = run("show", "run/circuit.json", "--edges", "0")
    beside = "Beside it: evaluation.json (whether it can be believed), report.html (all on one page)"
    assert code == 0 and out == f"{none}{beside}\n"
    assert run("draw", "run", "--out", "few.png", "--edges", "5")[:2] == (0, "Written few.png\n")
    assert Path("few.png").read_bytes().startswith(b"\x89PNG")


def test_models_and_tasks_are_listed(run: Run) -> None:
    code, out, _ = run("models")
    assert code == 0 and "demo-4l" in out and "smollm2-135m" in out and "NAME" not in out
    code, out, _ = run("tasks")
    assert code == 0 and all(name in out for name in ("latest_s", "ioi", "antonyms", "--corruption rename"))


def test_a_task_that_hardly_changes_is_warned_of_before_the_search(run: Run, small_model: str) -> None:
    assert "WARNING    clean and corrupted runs hardly differ" in discover(run, small_model, "--threshold", "50")[1]


WRONG = {
    "unknown task": (("discover", "--task", "latest"), 2, 'Did you mean "latest_s"?'),
    "no task": (("discover",), 2, "Missing option '--task'"),
    "unknown model": (("discover", "--task", "ioi", "--model", "./demo"), 2, 'there is no directory "demo"'),
    "negative threshold": (
        ("discover", "--task", "ioi", "--threshold", "-1"),
        2,
        "the threshold is -1: it must be zero or a positive number",
    ),
    "no number": (("discover", "--task", "ioi", "--threshold", "nan"), 2, "the threshold is nan"),
    "no prompts": (("discover", "--task", "ioi", "--n", "0"), 2, "0 is not in the range x>=1"),
    "too many prompts": (("discover", "--task", "antonyms", "--n", "100001"), 2, "at most 100000 can be made"),
    "negative seed": (
        ("discover", "--task", "ioi", "--seed", "-1"),
        2,
        "the seed is -1: it must be a whole number from 0",
    ),
    "huge order seed": (("discover", "--task", "ioi", "--order-seed", "9" * 30), 2, "it must be a whole number from 0"),
    "folder without a name": (("discover", "--task", "ioi", "--out", ""), 2, "the folder's name is empty"),
    "no text": (("discover", "--task", "ioi", "--out", "\udcff"), 2, "is not text in this system's encoding"),
    "lines in an option": (("discover", "--task", "a\n\x1b[31mb"), 2, 'there is no task "a \\x1b[31mb"'),
    "unknown corruption": (("discover", "--task", "ioi", "--corruption", "renam"), 2, 'Did you mean "rename"?'),
    "unknown metric": (
        ("discover", "--task", "ioi", "--metric", "k"),
        2,
        'no metric is called "k". Did you mean "kl"?',
    ),
    "unknown command": (("discovr",), 2, 'Did you mean "discover"?'),
    "unknown option": (("discover", "--tsk", "ioi"), 2, "--tsk"),
    "no such run": (("show", "nowhere"), 1, "there is no nowhere"),
    "unknown picture": (("draw", ".", "--out", "x.gif"), 1, "there is no circuit.json"),
    "unknown package": (("models", "fetch", "smollm"), 2, 'Did you mean "smollm2-135m"?'),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_and_an_exit_code(run: Run, case: str) -> None:
    args, expected, message = WRONG[case]
    code, _, err = run(*args)
    last = err.splitlines()[-1]
    assert (code, message in last) == (expected, True), err
    assert last.startswith("acdc-custom: ") and "Traceback" not in err
    assert not Path("results").exists() or not any(Path("results").iterdir())


def test_a_folder_that_holds_a_run_is_not_overwritten(run: Run, small_model: str) -> None:
    discover(run, small_model, "--out", "run")
    before = Path("run/circuit.json").read_text()
    code, _, err = discover(run, small_model, "--out", "run")
    assert (code, "run holds a run already" in err) == (1, True)
    assert Path("run/circuit.json").read_text() == before


def test_an_output_folder_that_cannot_be_written_is_told_before_the_model_is_loaded(run: Run, small_model: str) -> None:
    Path("file").touch()
    code, out, err = discover(run, small_model, "--out", "file/run")
    assert (code, out) == (1, "")
    assert "the output folder file/run cannot be written to" in err


def test_a_damaged_circuit_file_is_told(run: Run, small_model: str) -> None:
    discover(run, small_model, "--out", "run")
    path = Path("run/circuit.json")
    path.write_text(path.read_text()[:100])
    code, _, err = run("show", "run")
    assert (code, "is damaged: it is no whole JSON file" in err) == (1, True)


def test_an_unexpected_error_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acdc_custom.runs.again.load_task", lambda name: 1 / 0)
    code, _, err = run("discover", "--task", "ioi")
    assert (code, err.count("\n")) == (1, 1)
    assert "this should not have happened: ZeroDivisionError" in err and "ACDC_CUSTOM_TRACEBACK=1" in err


def run_in_a_shell(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    checkout = Path(__file__).parents[2]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("acdc-custom", f"{sys.executable} -m acdc_custom")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_output_that_nobody_reads_or_that_has_no_room_ends_quietly(tmp_path: Path) -> None:
    closed = run_in_a_shell(tmp_path, "acdc-custom tasks | true")
    assert (closed.returncode, closed.stderr) in ((1, ""), (0, ""))
    if Path("/dev/full").exists():
        full = run_in_a_shell(tmp_path, "acdc-custom tasks > /dev/full")
        assert (full.returncode, full.stderr.count("\n")) == (1, 1)
        assert "no space is left" in full.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_a_terminal_without_a_letter_shows_its_code(tmp_path: Path) -> None:
    circuit = example_circuit()
    task = dataclasses.replace(circuit.task, name="日本")
    dataclasses.replace(circuit, provenance=dataclasses.replace(circuit.provenance, task=task)).save(tmp_path)
    done = run_in_a_shell(tmp_path, "acdc-custom show .", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Circuit of \\u65e5\\u672c (switch) in demo")


@pytest.mark.parametrize("launcher", [["-m", "acdc_custom"], ["cli.py"]])
def test_a_checkout_can_be_run_without_the_installed_script(launcher: list[str]) -> None:
    checkout = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *launcher, "--version"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("acdc-custom 0.")


def test_a_memory_limit_is_stated_kept_to_and_changes_nothing_but_the_chunks(
    run: Run, small_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acdc_custom.engine import footprint

    monkeypatch.setattr(footprint, "used_bytes", lambda device: 10**7)
    more = ("--task", "ioi", "--model", small_model, "--n", "40", "--held-out", "0", "--threshold", "0.1", "--no-roles")
    code, out, _ = run("discover", *more, "--memory-limit", "64GiB", "--out", "whole")
    assert code == 0 and "of the 64.0 GiB allowed; all prompts at once" in out
    code, out, err = run("discover", *more, "--memory-limit", "1MiB", "--out", "none")
    assert code == 2 and not Path("none").exists()
    assert err.count("\n") == 2 and "Use fewer prompts (--n), or a higher --memory-limit." in err.splitlines()[-1]
    needs = int(err.split("this search needs ")[1].split(" MiB")[0])
    code, out, _ = run("discover", *more, "--memory-limit", f"{needs + 12}MiB", "--out", "little")
    assert code == 0
    said = next(line for line in out.splitlines() if line.startswith("Memory"))
    assert 1 <= int(said.split("allowed; ")[1].split(" prompts at once")[0]) < 40
    whole, little = (Circuit.load(folder) for folder in ("whole", "little"))
    assert [k.edge for k in little.edges] == [k.edge for k in whole.edges]
    assert json.loads(Path("little/run.json").read_text())["memory"]["chunk"] < 40


def test_timings_say_where_the_time_went(run: Run, small_model: str) -> None:
    code, out, _ = discover(run, small_model, "--timings", "--out", "timed")
    assert code == 0
    stages = Circuit.load("timed").search.stages
    assert 0 < sum(stages.values()) <= Circuit.load("timed").search.seconds
    for stage in stages:
        assert f"\n  {stage}" in out
    assert out.splitlines()[-1].startswith("Memory     ")


def test_an_amount_of_memory_that_is_none_is_refused(run: Run, small_model: str) -> None:
    code, _, err = discover(run, small_model, "--memory-limit", "lots")
    assert code == 2 and '"lots" is no amount of memory. Give one such as 8GiB or 500M.' in err
