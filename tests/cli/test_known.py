"""`acdc-custom known`, as it is typed, and its page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from commands import Run

from acdc_custom.search.registry import methods

PAGE = (Path(__file__).parents[2] / "docs" / "known.md").read_text(encoding="utf-8")


def test_known_models_are_searched_into_tables_and_a_picture_and_the_page_shows_them(run: Run) -> None:
    code, out, _ = run("known")
    assert code == 0
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert out.startswith(shown.rstrip()), "put what acdc-custom known prints into docs/known.md"
    folder = Path("results/known")
    with (folder / "known.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [[row["model"], row["ablation"], row["method"]] for row in rows]
    names = [method.name for method in methods()]
    assert keys[: 1 + len(names)] == [*(["reverse", "zero", name] for name in names), ["reverse", "mean", names[0]]]
    assert len(rows) == 3 * 3 * len(names) and {row["prompts"] for row in rows} == {"50"}
    content = json.loads((folder / "known.json").read_text(encoding="utf-8"))
    for key, row, trial in zip(keys, rows, content["trials"], strict=True):
        assert all(str(trial[column]) == value for column, value in row.items())
        (line,) = (text for text in out.splitlines() if text.split()[:3] == key)
        assert line.split()[3] == row["built"] and line.split()[8] == f"{float(row['auc_edges']):.3f}"
    for word in {*rows[0], *content["trials"][0]} - {"about"}:
        assert f"`{word}`" in PAGE, word
    assert "reverse, zero ablation, acdc: area 1.000" in (folder / "known.svg").read_text(encoding="utf-8")


def test_the_python_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "known.md", "exec"), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["reverse", "xproportion", "ioi"]


def test_a_seed_below_zero_is_refused_in_one_line(run: Run) -> None:
    code, _, err = run("known", "--seed", "-1")
    assert code == 2 and err.count("\n") == 1 and "the seed is -1" in err
    assert not Path("results").exists()
