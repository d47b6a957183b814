"""`acdc-custom compare`, as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from circuits import EDGES, circuit_of
from commands import Run

from acdc_custom.graph import GraphShape


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    shape = GraphShape(2, 4, 2)
    circuit_of(shape, EDGES).save(tmp_path / "results" / "a")
    circuit_of(shape, {("m1", "logits"): 1.0}).save(tmp_path / "results" / "b")
    return "results/a", "results/b"


def test_files_alone_are_compared_without_a_model(run: Run, two: tuple[str, str]) -> None:
    code, out, err = run("compare", *two, "--without-model", "--draws", "30", "--seed", "3")
    assert code == 0, err
    folder = Path("results/compare_a_b")
    assert sorted(path.name for path in folder.iterdir()) == ["comparison.html", "comparison.json", "comparison.svg"]
    assert "A  a: 4 edges, 3 nodes; 3 edges in no other" in out
    assert ["A-B", "edges", "1", "25%", "100%", "0.250"] in [line.split()[:6] for line in out.splitlines()]
    content = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert (content["draws"], content["seed"], content["crossings"]) == (30, 3, [])
    assert run("compare", *two, "--without-model", "--draws", "30", "--seed", "3")[0] == 0, "once more, over it"
    assert json.loads((folder / "comparison.json").read_text(encoding="utf-8")) == content


def test_circuits_are_run_on_each_others_prompts(run: Run, small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "again")
    code, out, err = run("compare", str(small_run), "again", "--draws", "20", "--out", "new/here")
    assert code == 0, err
    rows = [line for line in out.splitlines() if line.startswith(("A (", "B (", "shared by all (", "all together ("))]
    alone, without = rows[:4], rows[4:]
    assert all(len({row[24:] for row in table}) == 1 for table in (alone, without)) and len(without) == 4
    share = [float(table[0].split()[-2].removesuffix("%")) for table in (alone, without)]
    assert share[0] > 50 > share[1], "the circuit does the task, and the model without it does not"
    assert (
        json.loads(Path("new/here/comparison.json").read_text(encoding="utf-8"))["crossings"][0]["faithfulness"] > 0.5
    )


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "Missing argument"),
        (("results/a",), 2, "comparing needs two at least"),
        (("results/a", "no-such"), 1, "there is no no-such"),
        (("results/a", "other"), 2, "2 layers of 4 heads in 2 groups; 3 layers of 2 heads"),
        (("results/a", "results/b", "--draws", "3"), 2, "allowed are 20 to 100,000"),
        (("results/a", "results/b", "--seed", "-1"), 2, "seed"),
        (("results/a", "results/b", "--out", " "), 2, "the folder's name is empty"),
        (("results/a", "results/b", "--without-model", "--out", "file"), 1, "could not be written"),
        (("results/a", "results/b"), 1, "add --without-model"),
        (("results/a", "results/b", "--without-model", "--device", "cpu"), 2, "Leave one of them out"),
    ],
)
def test_what_cannot_be_is_one_line(
    run: Run, two: tuple[str, str], args: tuple[str, ...], code: int, said: str
) -> None:
    circuit_of(GraphShape(3, 2, 2), {}).save("other")
    Path("file").write_text("")
    given, _, err = run("compare", *args)
    assert (given, said in err.splitlines()[-1]) == (code, True), err
    assert "Traceback" not in err and not Path("results/compare_a_b").exists()


def test_circuits_in_positions_are_compared_at_spans_and_whatever_the_span(
    run: Run, placed_runs: tuple[Path, Path]
) -> None:
    asked = ("compare", *map(str, placed_runs), "--draws", "20", "--without-model")
    code, out, err = run(*asked, "--out", "both")
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()]
    first = next(place for place, row in enumerate(rows) if row[:2] == ["A-B", "edges"])
    assert rows[first + 1][:2] == ["any", "span"]
    content = json.loads(Path("both/comparison.json").read_text(encoding="utf-8"))
    assert {"S1", "END"} < {span["name"] for span in content["spans"]} and all(row["span"] for row in content["edges"])

    code, out, err = run(*asked, "--no-positions")
    assert code == 0 and "Circuits in positions are compared without them" in " ".join(out.split()), err
    plain = json.loads(Path("results/compare_latest_s_earliest_s/comparison.json").read_text(encoding="utf-8"))
    assert plain["pairs"] == content["whatever_span"]["pairs"] and plain["edges"] == content["whatever_span"]["edges"]

    circuit_of(GraphShape(2, 8, 8), {}).save("plain")
    code, _, err = run("compare", str(placed_runs[0]), "plain", "--positions")
    assert code == 2 and "since B (plain) has none. Leave --positions out, or search with --positions." in err
