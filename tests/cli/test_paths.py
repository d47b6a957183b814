"""`discover --path` and `discover --faithfulness`: circuit after circuit, each from the one before."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from acdc_custom.circuit.circuit import Circuit, TaskPerformance
from acdc_custom.circuit.circuit import TestOutcome as Tested
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.cli import main
from acdc_custom.cli.paths import describe_path, share_beside
from acdc_custom.graph import Edge, Receiver, Sender
from acdc_custom.path.folder import PathRecord
from acdc_custom.path.plan import PathRequest, Point
from acdc_custom.search.bar import SearchBar
from acdc_custom.stats.intervals import Estimate

SMALL = ("discover", "--task", "ioi", "--method", "grouped", "--n", "6", "--held-out", "12", "--no-roles")
PATH = (*SMALL, "--path", "0.03,0.3,0.1")


def points(folder: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(folder, "path.json").read_text())["points"]
    for point in found:
        del point["seconds"]
    return found


def edges(folder: str) -> set[Edge]:
    return {kept.edge for kept in Circuit.load(folder).edges}


@pytest.fixture(scope="module")
def made(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a path, and what its command printed."""
    folder, out = tmp_path_factory.mktemp("paths"), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        main([*PATH, "--model", small_model, "--out", "path"])
    return folder / "path", out.getvalue()


@pytest.fixture
def path(run: Run, made: tuple[Path, str]) -> str:
    """The folder, as `path` in an empty one; gives what its command printed."""
    del run
    shutil.copytree(made[0], "path")
    return made[1]


def test_every_circuit_of_a_path_is_a_run_within_the_one_before(path: str, run: Run) -> None:
    circuits = [edges(f"path/{threshold}") for threshold in ("0.03", "0.1", "0.3")]
    assert circuits[0] > circuits[1] > circuits[2] > set()
    assert [len(circuit) for circuit in circuits] == [point["edges"] for point in points("path")]
    assert "Threshold" in path and "path/path.svg" in path
    assert "<svg" in Path("path/path.svg").read_text()
    code, out, _ = run("show", "path/0.1")
    assert code == 0 and "12 prompts that the search has not seen" in " ".join(out.split())


def test_every_edge_of_the_model_has_the_threshold_at_which_it_went(path: str) -> None:
    del path
    with Path("path/edges.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == Circuit.load("path/0.3").graph.n_edges
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    for threshold, kept in ((t, edges(f"path/{t}")) for t in ("0.03", "0.1", "0.3")):
        still = {
            Edge(Sender.parse(row["sender"]), Receiver.parse(row["receiver"]))
            for row in rows
            if not row["threshold"] or float(row["threshold"]) > float(threshold)
        }
        assert still == kept
        first = rows[: len(kept)]
        assert {(row["sender"], row["receiver"]) for row in first} == {(str(e.sender), str(e.receiver)) for e in kept}


def test_a_path_is_exported_to_mib_with_the_rank_of_every_edge_for_its_score(path: str, run: Run) -> None:
    del path
    code, out, err = run("export", "path", "--to", "mib")
    assert code == 0, err
    content = json.loads(Path(out.split()[-1]).read_text())["edges"]
    with Path("path/edges.csv").open() as file:
        rows = list(csv.DictReader(file))
    scores = [score["score"] for score in content.values()]
    assert len(set(scores)) == len(scores) == len(rows), "no ties"
    largest = {(str(edge.sender), str(edge.receiver)) for edge in edges("path/0.03")}
    assert sum(edge["in_graph"] for edge in content.values()) == len(largest)
    best = max(content, key=lambda name: content[name]["score"])
    assert best.startswith(rows[0]["sender"].replace("embed", "input"))
    code, _, err = run("export", "path", "--to", "graphml")
    assert code != 0 and "it is exported to mib" in err


def test_the_smallest_circuit_that_is_faithful_enough_becomes_the_run(run: Run, small_model: str) -> None:
    code, out, err = run(*SMALL, "--model", small_model, "--faithfulness", "0.9", "--out", "chosen")
    assert code == 0, err
    record = json.loads(Path("chosen/path.json").read_text())
    enough = [p for p in record["points"] if p["validation"]["faithfulness"]["value"] >= 0.9]
    circuit = Circuit.load("chosen")
    assert len(circuit.edges) == min(point["edges"] for point in enough)
    assert circuit.test is not None and circuit.test.n == 12
    assert "that the search has not seen, the circuit recovers" in " ".join(out.split())
    untested = [p for p in record["points"] if f"{p['threshold']:g}" != f"{circuit.settings.threshold:g}"]
    assert untested and all(Circuit.load(f"chosen/{p['threshold']:g}").test is None for p in untested)
    code, out, err = run("show", "chosen")
    assert code == 0 and "chosen" not in err
    code, _, err = run("roles", "chosen")
    assert code == 0, err


def test_a_path_that_is_stopped_goes_on_to_the_same_end(
    run: Run, monkeypatch: pytest.MonkeyPatch, path: str, small_model: str
) -> None:
    del path
    noted = [0]

    class Stopping(SearchBar):
        def note(self, decision: Any) -> None:
            noted[0] += 1
            if noted[0] in (80, 320):  # in the first search, and in the second
                raise KeyboardInterrupt
            super().note(decision)

    monkeypatch.setattr("acdc_custom.search.bar.SearchBar", Stopping)
    code, _, err = run(*PATH, "--model", small_model, "--out", "again")
    assert code != 0 and "Resume with: acdc-custom resume again" in err
    code, _, err = run(*PATH, "--model", small_model, "--seed", "3", "--out", "again")
    assert code != 0 and "Go on with: acdc-custom resume again" in err, "what is asked for is another path"
    for command, is_stopped in (
        ((*PATH, "--model", small_model, "--out", "again"), True),
        (("resume", "again"), False),
    ):
        code, _, err = run(*command)
        assert (code != 0) == is_stopped, err
    assert points("again") == points("path")
    for threshold in ("0.03", "0.1", "0.3"):
        journals = [Path(folder, threshold, "decisions.jsonl").read_text() for folder in ("path", "again")]
        assert journals[0] == journals[1]
    code, _, err = run("resume", "again")
    assert code != 0 and "has ended: there is nothing to resume" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--path", "0.1..0.3", "--faithfulness", "0.9"), "--path and --faithfulness were given"),
        (("--path", "0.1..0.3", "--threshold", "0.1"), "--threshold and --path were given"),
        (("--path", "0.1"), '--path has one threshold, "0.1"'),
        (("--path", "0.3..0.1"), "is no range of thresholds"),
        (("--path", "a,b"), "is neither a list of thresholds"),
        (("--count", "3"), "Give the range with --path"),
        (("--faithfulness", "2"), "--faithfulness is 2: it must be over 0 and at most 1"),
        (("--faithfulness", "0.9", "--method", "eap"), "for methods that decide edges, and eap scores them"),
        (("--faithfulness", "0.9", "--held-out", "0"), "--faithfulness needs prompts to choose by"),
        (("--path", "0.1,0.3", "--timings"), "--timings is for a single search"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(run: Run, options: tuple[str, ...], message: str) -> None:
    code, _, err = run("discover", "--task", "ioi", *options, "--out", "never")
    assert code != 0 and message in err and "Traceback" not in err
    assert not Path("never").exists()


@pytest.mark.parametrize(
    ("share", "wanted", "said"),
    [
        (0.897, 0.9, "89.7%"),
        (0.89999, 0.9, "89.9%"),
        (0.894, 0.9, "89%"),
        (0.9, 0.9, "90%"),
        (0.904, 0.9, "90%"),
        (0.897, 0.95, "90%"),
        (0.897, None, "90%"),
        (-0.2, 0.9, "-20%"),
    ],
)
def test_a_share_that_is_below_what_was_asked_for_never_looks_as_if_it_reached_it(
    share: float, wanted: float | None, said: str
) -> None:
    assert share_beside(share, wanted) == said


def test_in_the_table_of_a_path_a_circuit_that_just_misses_is_told_from_one_that_reaches_it() -> None:
    behaviour = TaskPerformance(0.1, 1.0, 1.0)
    found = tuple(
        Point(
            threshold, "", n, 1, 1.0, 0.1, share, Tested(9, behaviour, behaviour, behaviour, Estimate(share, 0.8, 1.0))
        )
        for threshold, n, share in ((0.01, 40, 0.8974), (0.003, 50, 0.9012))
    )
    request = PathRequest("ioi", "demo-4l", SearchSettings(), faithfulness=0.9)
    table = list(describe_path(PathRecord(request, found), request.chosen(found)))
    assert table[-2].split()[:4] == ["0.01", "40", "90%", "89.7%"] and table[-1].split()[2:4] == ["90%", "90%"]
    assert table[-1].endswith("chosen")
