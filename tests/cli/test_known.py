"""`acdc-custom known`, as it is typed, and its page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from gpt2_shaped import stand_in
from two_digits import two_digit_tokenizer

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.heads.table import HeadTable
from acdc_custom.search.registry import methods

PAGE = (Path(__file__).parents[2] / "docs" / "known.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_known_models_are_searched_into_tables_and_a_picture_and_the_page_shows_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    code, out, _ = run("known", "--positions")
    assert code == 0
    shown, in_positions = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert out.startswith(shown.rstrip()), "put what acdc-custom known prints into docs/known.md"
    assert in_positions in out, "put what acdc-custom known --positions prints below that into docs/known.md"
    folder = Path("results/known")
    with (folder / "known.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [[row["model"], row["ablation"], row["method"]] for row in rows]
    names = [method.name for method in methods()]
    assert keys[: 1 + len(names)] == [*(["reverse", "zero", name] for name in names), ["reverse", "mean", names[0]]]
    assert len(rows) == 2 * 3 * 3 * len(names) and {row["prompts"] for row in rows} == {"50"}
    content = json.loads((folder / "known.json").read_text(encoding="utf-8"))
    for key, row, trial in zip(keys, rows, content["trials"], strict=True):
        assert all(value == ("" if trial[name] is None else str(trial[name])) for name, value in row.items())
        plain, positioned = (text.split() for text in out.splitlines() if text.split()[:3] == key)
        if row["n_spans"] == "0":
            assert plain[3] == row["built"] and plain[8] == f"{float(row['auc_edges']):.3f}"
        else:
            assert positioned[4] == row["changing"] and positioned[-2] == f"{float(row['auc_without']):.3f}"
    for word in {*rows[0], *content["trials"][-1]} - {"about"}:
        assert f"`{word}`" in PAGE, word
    assert "reverse, zero ablation, ACDC: 1.000" in (folder / "known.svg").read_text(encoding="utf-8")
    assert "reverse, zero ablation, acdc: area 1.000" in (folder / "known_curves.svg").read_text(encoding="utf-8")


def test_a_method_of_ones_own_is_tested_as_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    *_, code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "known.md", "exec"), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["reverse", "xproportion", "ioi"]


@pytest.mark.slow
def test_so_is_known_from_python(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acdc_custom.known.trial.THRESHOLDS", (0.01,))
    code, *_ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "known.md", "exec"), {})
    assert capsys.readouterr().out.count("edge-effects") == 3


def test_a_seed_below_zero_is_refused_in_one_line(run: Run) -> None:
    code, _, err = run("known", "--seed", "-1")
    assert code == 2 and err.count("\n") == 1 and "the seed is -1" in err
    assert not Path("results").exists()


def matches_of(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    content = json.loads((folder / "published.json").read_text(encoding="utf-8"))
    return {(match["part"], match["name"]): match for match in content["matches"]}


def test_the_ioi_circuit_is_looked_for_in_a_model_of_gpt2_smalls_shape(run: Run) -> None:
    from transformers import AutoTokenizer

    from acdc_custom.model.catalogue import BUNDLED

    model = stand_in(Path("gpt2"), AutoTokenizer.from_pretrained(BUNDLED[0].directory))
    code, out, err = run("known", "--published", "gpt2-ioi", "--model", f"./{model}", "--n", "3", "--threshold", "0.01")
    assert code == 0, err
    folder = Path("results/gpt2-ioi_gpt2_0.01")
    found = matches_of(folder)
    circuit, table = Circuit.load(folder), HeadTable.load(folder)
    heads = {str(node) for node in circuit.nodes if str(node).startswith("a")}
    assert heads and set(found["circuit", "heads"]["found"]) == heads
    right = heads & set(found["circuit", "heads"]["published"])
    assert found["circuit", "heads"]["precision"] == len(right) / len(heads)
    assert found["circuit", "heads"]["recall"] == len(right) / 26
    assert len(table.rows) == 144
    for (part, name), match in found.items():
        if part == "role":
            given = {str(row.head) for row in table.rows if name in (row.role, *row.also)}
            assert set(match["found"]) == given, name
    (line,) = (line for line in out.splitlines() if line.startswith("circuit: heads"))
    assert line.split()[2:5] == ["26", str(len(heads)), str(len(right))]
    with (folder / "published.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(found)
    assert out.count("published.json") == 1 and circuit.task.name == "ioi"
    for word in (
        "part",
        "name",
        "published",
        "found",
        "right",
        "precision",
        "recall",
        "source",
        "matches",
        "threshold",
    ):
        assert f"`{word}`" in PAGE, word


def test_the_greater_than_circuit_is_looked_for_on_prompts_made_for_the_tokenizer(run: Run) -> None:
    model = stand_in(Path("gpt2"), two_digit_tokenizer())
    code, _, err = run(
        "known",
        "--published",
        "gpt2-greater-than",
        "--model",
        f"./{model}",
        "--n",
        "2",
        "--threshold",
        "0.01",
        "--out",
        "x",
    )
    assert code == 0, err
    found, circuit = matches_of(Path("x")), Circuit.load("x")
    for kind, begins in (("heads", "a"), ("MLPs", "m")):
        nodes = {str(node) for node in circuit.nodes if str(node).startswith(begins)}
        match = found["circuit", kind]
        assert set(match["found"]) == nodes and set(match["right"]) == nodes & set(match["published"])
    assert circuit.nodes and not any(part == "role" for part, _ in found)
    assert not Path("x/heads.json").exists()
    assert run("show", "x")[0] == 0


@pytest.mark.parametrize("option", ["--model", "--threshold", "--device"])
def test_an_option_for_published_circuits_is_refused_without_one(option: str, run: Run) -> None:
    values = {"--model": "gpt2", "--threshold": "0.1", "--device": "cpu"}
    code, _, err = run("known", option, values[option])
    assert code == 2 and err.count("\n") == 1 and f"{option} goes with --published" in err


def test_published_circuits_have_no_positions(run: Run) -> None:
    code, _, err = run("known", "--published", "gpt2-ioi", "--positions")
    assert code == 2 and err.count("\n") == 1 and "--positions is for the small models" in err


def test_a_model_of_another_shape_is_refused_in_one_line(run: Run) -> None:
    code, _, err = run("known", "--published", "gpt2-ioi", "--model", "demo-4l")
    assert code == 2 and "gpt2-ioi is a circuit of GPT-2 small" in err.splitlines()[-1]
    assert not list(Path().rglob("*.json*"))
