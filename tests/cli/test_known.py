"""`acdc-custom known`, as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from commands import Run


def test_known_models_are_searched_into_tables_and_a_picture(run: Run) -> None:
    code, out, _ = run("known", "--n", "4", "--seed", "3")
    assert code == 0
    folder = Path("results/known")
    rows = list(csv.DictReader((folder / "known.csv").open(encoding="utf-8")))
    keys = [[row["model"], row["ablation"], row["method"]] for row in rows]
    assert keys[2:4] == [["reverse", "zero", "eap-ig"], ["reverse", "mean", "acdc"]]
    assert len(rows) == 27 and {row["prompts"] for row in rows} == {"4"}
    content = json.loads((folder / "known.json").read_text(encoding="utf-8"))
    assert content["seed"] == 3
    for key, row, trial in zip(keys, rows, content["trials"], strict=True):
        assert all(str(trial[key]) == value for key, value in row.items())
        (line,) = (text for text in out.splitlines() if text.split()[:3] == key)
        assert line.split()[3] == row["built"] and line.split()[8] == f"{float(row['auc_edges']):.3f}"
    picture = (folder / "known.svg").read_text(encoding="utf-8")
    assert "reverse, zero ablation, acdc: area 1.000" in picture


def test_a_seed_below_zero_is_refused_in_one_line(run: Run) -> None:
    code, _, err = run("known", "--seed", "-1")
    assert code == 2 and err.count("\n") == 1 and "the seed is -1" in err
    assert not Path("results").exists()
