"""What a search says of heads when it ends: at once, when it was asked for, or by which command."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.cli import roles_at_once
from acdc_custom.heads.names import circuit_heads
from acdc_custom.heads.summary import name_roles
from acdc_custom.heads.table import HeadTable

FILES = ("heads.json", "heads.csv", "circuit.dot", "circuit.svg")


SEARCH = ("discover", "--task", "ioi", "--n", "4", "--held-out", "4", "--out", "run")


def discover(run: Run, model: str, *more: str) -> str:
    code, out, err = run(*SEARCH, "--model", model, *more)
    assert code == 0, err
    return out


def line_of_roles(out: str) -> str:
    """With the lines that go on below it."""
    lines = out.splitlines()
    (first,) = (place for place, line in enumerate(lines) if line.startswith("Roles "))
    rest = takewhile(lambda line: line.startswith(" " * 11), lines[first + 1 :])
    return " ".join([lines[first], *(line.strip() for line in rest)])


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set how long measuring is expected to take."""

    def expect(seconds: float) -> None:
        monkeypatch.setattr(roles_at_once, "expected_seconds", lambda prepared, circuit: seconds)

    return expect


def test_a_search_ends_with_the_roles_and_the_files_of_the_roles_command(run: Run, small_model: str) -> None:
    out = discover(run, small_model, "--roles")
    table = HeadTable.load("run")
    assert [row.head for row in table.rows] == circuit_heads(Circuit.load("run"))
    assert line_of_roles(out) == f"Roles      {name_roles(table)}"
    assert {f"  run/{name}" for name in FILES} <= set(out.splitlines())
    at_once = [Path("run", name).read_bytes() for name in FILES]
    assert run("roles", "run")[0] == 0
    assert [Path("run", name).read_bytes() for name in FILES] == at_once


def test_what_is_soon_measured_is_measured_and_for_the_rest_there_is_the_command(
    run: Run, takes: Callable[[float], None], small_model: str
) -> None:
    takes(9.9)
    assert "unclassified" in line_of_roles(discover(run, small_model)) and Path("run/heads.json").exists()
    Path("run").rename("soon")
    takes(400)
    assert line_of_roles(discover(run, small_model)) == (
        "Roles      not measured: that takes about 7 minutes. Measure them with: acdc-custom roles run"
    )
    assert not Path("run/heads.json").exists()
    assert Path("run/circuit.dot").read_text() != Path("soon/circuit.dot").read_text()


def test_without_roles_nothing_is_measured_and_nothing_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, small_model: str
) -> None:
    for name in ("expected_seconds", "find_roles"):
        monkeypatch.setattr(roles_at_once, name, None)  # cannot be called
    assert "Roles" not in discover(run, small_model, "--no-roles")
    assert not Path("run/heads.json").exists()


def test_what_does_not_fit_beside_the_search_is_left_to_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, small_model: str
) -> None:
    monkeypatch.setattr(roles_at_once, "fits", lambda prepared: False)
    assert line_of_roles(discover(run, small_model)).startswith(
        "Roles      not measured: beside the search they might not fit"
    )


def test_a_circuit_without_heads_has_no_roles(run: Run, small_model: str) -> None:
    out = discover(run, small_model, "--threshold", "50", "--roles")
    assert line_of_roles(out) == "Roles      none: there is no attention head in this circuit"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped, with the circuit in run. Measure what its heads do with: acdc-custom"),
        (MemoryError(), 0, ""),
        pytest.param(RuntimeError("something else"), 1, "something else", marks=pytest.mark.slow),
    ],
)
def test_whatever_happens_while_roles_are_measured_the_run_has_ended(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str, small_model: str
) -> None:
    def broken(*args: Any, **options: Any) -> None:
        assert Path("run/circuit.json").exists() and Path("run/circuit.svg").exists()
        raise error

    monkeypatch.setattr(roles_at_once, "find_roles", broken)
    given, out, err = run(*SEARCH, "--model", small_model, "--roles")
    assert given == code and said in (err.splitlines() or [""])[-1]
    assert ("memory was full" in out) is (code == 0)
    assert len(Circuit.load("run").edges) > 0
    code, _, err = run("resume", "run")
    assert code == 1 and "has ended: there is nothing to resume" in err


def test_a_run_that_is_resumed_ends_as_it_would_have(run: Run, small_model: str) -> None:
    whole = line_of_roles(discover(run, small_model, "--roles"))
    expected = [Path("run", name).read_bytes() for name in FILES]
    journal = Path("run/decisions.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:150]))
    for name in ("circuit.json", *FILES):
        Path("run", name).unlink()
    code, out, err = run("resume", "run")
    assert code == 0, err
    assert line_of_roles(out) == whole
    assert [Path("run", name).read_bytes() for name in FILES] == expected
