"""`acdc-custom survey`, as it is typed."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

from commands import Run

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "subjects.csv"


def test_the_example_is_surveyed_into_a_table_and_a_picture(run: Run) -> None:
    shutil.copy(EXAMPLE, "subjects.csv")
    code, out, _ = run("survey", "subjects.csv")
    assert code == 0
    assert re.search(r"\n +1 +David +99\.83% +latest, 4 of 4 +Alice is a teacher\.", out)
    assert out.endswith(
        "Written\n  results/survey/subjects_demo-4l/survey.csv\n  results/survey/subjects_demo-4l/survey.svg\n"
    )
    folder = Path("results/survey/subjects_demo-4l")
    with (folder / "survey.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in csv.DictReader(EXAMPLE.open())]
    assert rows[0]["place"] == "latest" and "<title>" in (folder / "survey.svg").read_text(encoding="utf-8")


def test_the_beginning_of_text_token_makes_a_difference_and_only_where_there_is_one(run: Run) -> None:
    shutil.copy(EXAMPLE, "subjects.csv")
    with_it = run("survey", "subjects.csv", "--prepend-bos", "--out", "with")
    assert with_it[0] == 0
    assert run("survey", "subjects.csv", "--out", "without")[0] == 0
    assert Path("with/survey.csv").read_text() != Path("without/survey.csv").read_text()


def test_a_mistake_in_the_file_is_told_before_the_model_is_loaded(run: Run) -> None:
    Path("x.csv").write_text("prompt,subjects\nAnn saw Bob. Then,Bob;Ann\n")
    code, _, err = run("survey", "x.csv", "--model", "./none")
    assert code == 2
    assert err == (
        'acdc-custom: x.csv, line 2: "subjects" has to be in the order in which the prompt first names them: Ann; Bob\n'
    )
