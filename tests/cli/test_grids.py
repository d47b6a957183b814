"""What is shown while many runs are executed, and after."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from grids import Puppet

from acdc_custom.choices import ExecutorKind
from acdc_custom.cli.grids import check_ended, execute
from acdc_custom.cli.options import ExecutorChoice, executor_options
from acdc_custom.errors import SearchError, UsageError
from acdc_custom.grid import Grid, Job, Kind, Local

GRID = Grid(Kind.SWEEP, tuple(Job(name, "ioi") for name in "abc"))


@dataclass(frozen=True)
class Chosen:
    """What `executor_options` gives, with an executor that does no work."""

    puppet: Any

    def executor(self) -> Any:
        return self.puppet


def test_failed_runs_are_reported_in_a_line_each_and_fail_the_command_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # a pipe hears nothing of what is soon done
    ended = execute(GRID, tmp_path, Chosen(Puppet(b="because")))  # type: ignore[arg-type]
    shown = capsys.readouterr()
    assert "FAILED     b: because" in shown.out.splitlines()
    with pytest.raises(SearchError, match=r"1 run of 3 in .* failed: b\. Try them once more with: acdc-custom resume "):
        check_ended(ended, tmp_path)


def test_a_grid_of_which_nothing_failed_passes(tmp_path: Path) -> None:
    check_ended(execute(GRID, tmp_path, Chosen(Puppet())), tmp_path)  # type: ignore[arg-type]


def test_a_grid_that_is_stopped_says_how_to_resume(tmp_path: Path) -> None:
    class Stopped(Puppet):
        def run(self, *_: object) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(click.Abort, match=r"stopped\. Resume with: acdc-custom resume "):
        execute(GRID, tmp_path, Chosen(Stopped()))  # type: ignore[arg-type]


def test_the_options_of_how_runs_are_executed_reach_the_command_as_one() -> None:
    got: list[Any] = []

    @click.command()
    @executor_options
    def command(choice: Any) -> None:
        got.append(choice.executor())

    command.main(["--workers", "3"], standalone_mode=False)
    command.main(["--executor", "local"], standalone_mode=False)
    assert got == [Local(3), Local(None)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--ray-address", "auto"], "--ray-address is for --executor ray"),
        (["--gpus-per-run", "0.5"], "--gpus-per-run is for --executor ray"),
        (["--executor", "ray", "--gpus-per-run", "-1"], "--gpus-per-run is -1"),
        (["--executor", "ray", "--gpus-per-run", "nan"], "--gpus-per-run is nan"),
        (["--executor", "ray", "--gpus-per-run", "1.5"], "--gpus-per-run is 1.5"),
    ],
)
def test_options_of_ray_that_cannot_be_are_refused(given: list[str], said: str) -> None:
    @click.command()
    @executor_options
    def command(choice: Any) -> None:
        raise AssertionError

    with pytest.raises(UsageError, match=said):
        command.main(given, standalone_mode=False)


def test_without_ray_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "acdc_custom.grid.ray_executor", raising=False)
    with pytest.raises(
        UsageError, match=r'--executor ray needs Ray. Install it with: pip install "acdc-custom\[ray\]"'
    ):
        ExecutorChoice(kind=ExecutorKind.RAY).executor()
