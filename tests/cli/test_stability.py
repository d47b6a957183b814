"""`acdc-custom stability`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Run

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli.stability import conclude
from acdc_custom.errors import SearchError
from acdc_custom.grid import Ended
from acdc_custom.grid.folder import load_grid
from acdc_custom.stability.content import load_stability

QUICK = ("stability", "--task", "ioi", "--n", "4", "--threshold", "0.3", "--runs", "3", "--alone", "0", "--workers=1")
FOLDER = Path("results/stability_ioi_two-layers_0.3")


def test_runs_are_made_once_and_looked_at_again_at_another_share(
    run: Run, small_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = (*QUICK, "--model", small_model)
    code, out, err = run(*quick, "--vary", "prompts,orders")
    assert code == 0, err
    assert "  runs       3 varying prompts, orders" in out and "This circuit is" in out
    runs = [FOLDER / f"all-{number:03}" for number in (1, 2, 3)]
    found = [Circuit.load(folder) for folder in runs]
    assert len({circuit.settings.prompts.resample for circuit in found}) == 3
    assert len({circuit.settings.order_seed for circuit in found}) == 3
    assert {circuit.settings.order for circuit in found} == {"random"}
    assert load_stability(FOLDER).provenance.settings.order == "original"
    before = {folder: (folder / "circuit.json").stat().st_mtime_ns for folder in runs}

    # What is drawn once need not be drawn each time.
    assert (FOLDER / "edges.svg").exists() and (FOLDER / "consensus" / "circuit.svg").exists()
    monkeypatch.setattr("acdc_custom.stability.picture.draw_all", lambda stability, consensus, path: path)
    monkeypatch.setattr("acdc_custom.stability.picture.draw_consensus", lambda stability, consensus, folder: [])

    code, again, err = run(*quick, "--vary", "prompts,orders", "--share", "1")
    assert code == 0, err
    assert {folder: (folder / "circuit.json").stat().st_mtime_ns for folder in runs} == before
    kept = [{k.edge for k in circuit.edges} for circuit in found]
    consensus = Circuit.load(FOLDER / "consensus")
    assert {k.edge for k in consensus.edges} == set.intersection(*kept)
    assert "consensus of 3 runs, edges kept by at least 100%" in run("show", str(FOLDER / "consensus"))[1]
    assert "100%" in next(line for line in again.splitlines() if "<- consensus/" in line)

    (FOLDER / "stability.json").unlink()
    code, out, err = run("resume", str(FOLDER))
    assert code == 0 and "100%" in next(line for line in out.splitlines() if "<- consensus/" in line), err

    code, _, err = run(*quick, "--vary", "prompts")
    assert code == 1 and "holds other runs than were asked for" in err

    grid = load_grid(FOLDER)
    ended = [Ended(job, FOLDER / job.name, "out of memory" * (job.name == "all-002")) for job in grid.jobs]
    with pytest.raises(SearchError, match=r"1 run of 3 .* failed: all-002"):
        conclude(grid, FOLDER, ended)
    record = load_stability(FOLDER)
    assert [r.name for r in record.runs] == ["all-001", "all-003"]
    assert record.notes == ("1 run of 3 failed: everything here is of the others.",)
    (FOLDER / "stability.json").unlink()
    with pytest.raises(SearchError, match="2 runs of 3"):
        conclude(grid, FOLDER, [Ended(e.job, e.folder, "gone") for e in ended[:2]] + ended[2:])
    assert not (FOLDER / "stability.json").exists(), "one run alone has nothing in common with any"


@pytest.mark.slow
def test_templates_of_a_task_with_one_do_not_vary(run: Run) -> None:
    code, out, err = run(*QUICK[:2], "latest_s", *QUICK[3:], "--vary", "templates,orders")
    assert code == 0, err
    assert "Note: Templates do not vary: the task has a single template." in out
    grid = json.loads(Path("results/stability_latest_s_demo-4l_0.3/grid.json").read_text(encoding="utf-8"))
    assert [job["name"] for job in grid["jobs"]] == ["orders-001", "orders-002", "orders-003"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--task", "nothing"), 2, "nothing"),
        (("--task", "ioi", "--vary", "moods"), 2, '"moods" cannot be varied'),
        (("--task", "ioi", "--runs", "1"), 2, "allowed are 2 to 999"),
        (("--task", "ioi", "--alone", "1"), 2, "allowed are 0 and 2 to 999"),
        (("--task", "ioi", "--share", "0"), 2, "must be above 0 and at most 1"),
        (("--task", "ioi", "--share", "nan"), 2, "must be above 0 and at most 1"),
        (("--task", "ioi", "--seed", str(2**63 - 1)), 2, "the seed is"),
        (("--task", "latest_s", "--vary", "templates"), 2, "templates cannot vary: the task has a single template"),
        (("--task", "ioi", "--out", " "), 2, "the folder's name is empty"),
        (("--task", "ioi", "--model", "no-such"), 1, "no-such"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(run: Run, args: tuple[str, ...], code: int, said: str) -> None:
    given, _, err = run("stability", *args, "--workers", "1")
    assert (given, said in err.splitlines()[-1]) == (code, True), err
    assert "Traceback" not in err
    assert not Path("results").exists() or not list(Path("results").iterdir())
