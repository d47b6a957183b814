"""`acdc-custom evaluate`, as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import Run

from acdc_custom.evaluate.content import load
from acdc_custom.evaluate.kinds import RandomBaseline


def test_a_run_is_evaluated_and_its_files_lie_beside_the_circuit(
    run: Run, small_run: Path, one_beside: None, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    run("roles", str(folder), "--n", "4")
    code, out, _ = run("evaluate", str(folder), "--n", "6", "--draws", "20", "--also", "latest_s")
    assert code == 0
    assert "Does it do what the model does?" in out and "Hypothesis tests" in out
    for name in ("evaluation.json", "evaluation.csv", "evaluation.svg"):
        assert (folder / name).stat().st_size > 500 and name in out
    evaluation = load(folder)
    assert evaluation.source.draws == 20 and evaluation.prompts[-1].name == "task latest_s"
    assert not any("role classes" in note for note in evaluation.notes)


def test_of_few_prompts_and_few_random_circuits_no_more_is_said_than_they_tell(
    run: Run, small_run: Path, one_beside: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    content = json.loads((folder / "circuit.json").read_text())
    content["edges"] = [{"sender": "a0.h3", "receiver": "logits", "effect": 0.1}]
    (folder / "circuit.json").write_text(json.dumps(content))
    code, out, _ = run("evaluate", str(folder), "--n", "6", "--draws", "20")
    text = " ".join(out.split())
    assert code == 0
    assert "Note: With heads shuffled there are only 7 other circuits: too few to compare with, which takes 20." in text
    assert "Note: With edges rewired there is no other circuit than this one." in text
    (line,) = (line.split() for line in out.splitlines() if line.startswith("heads shuffled"))
    assert line[2] == "7" and line.count("unknown") == 2
    assert "heads shuffled: KL" in text and "only 7 of them" in text
    assert "where they are as skewed as exponential ones, in 88% on 6, 89% on 8." in text
    (shuffled,) = (random for random in load(folder).random if random.drawn is RandomBaseline.SHUFFLED)
    assert (shuffled.n, shuffled.enough) == (7, False)


def test_what_cannot_be_is_refused_in_a_line_before_anything_is_loaded(run: Run, small_run: Path) -> None:
    for given, message in [
        (["nowhere"], "there is no nowhere"),
        ([str(small_run), "--draws", "5"], "5 draws were asked for"),
        ([str(small_run), "--seed", "-1"], "the seed is -1"),
        ([str(small_run), "--also", "iio"], 'Did you mean "ioi"'),
        ([str(small_run), "--n", "4"], "--n"),
    ]:
        code, out, err = run("evaluate", *given)
        assert code in (1, 2) and message in err and not out, given
        assert "loading" not in err and len(err.strip().splitlines()) == 1
