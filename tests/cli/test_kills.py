"""A hundred kills at random times: every run ends, after all of them, as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import start

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")]

KILLS = 34  # of each of three runs
OPTIONS = ("--task", "ioi", "--n", "60", "--held-out", "20", "--no-roles", "--out", "run")
RUNS = {
    "acdc": ("--threshold", "0.01", "--window", "2"),
    "grouped": ("--method", "grouped", "--threshold", "0.01", "--window", "1"),
    "path": ("--method", "grouped", "--path", "0.01..0.3", "--count", "5"),
}
ITS_OWN = {"created", "seconds", "stages", "mtime", "limit", "peak"}


def common(value: Any) -> Any:
    """The content of a file without what differs from run to run: times, and the memory that was free."""
    if isinstance(value, dict):
        return {key: common(item) for key, item in value.items() if key not in ITS_OWN}
    return [common(item) for item in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, Any]:
    """All files of a run or a path, but for what every run has of its own."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            files[name] = common(json.loads(path.read_text()))
        elif path.suffix in (".jsonl", ".csv", ".dot"):
            files[name] = path.read_text()
    return files


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_killed_at_any_time_ends_with_the_same_files(name: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    command = ("discover", *OPTIONS, *RUNS[name])
    process = start(whole, *command)
    assert process.wait(600) == 0, process.communicate()[1]

    generator, kills, ended = random.Random(name), 0, False

    def once_more() -> subprocess.Popen[str]:
        """Resumed by either command, once a decision has been noted."""
        begun = any(journal.stat().st_size for journal in killed.glob("run/**/decisions.jsonl"))
        return start(killed, *(("resume", "run") if begun and generator.random() < 0.5 else command))

    while kills < KILLS and not ended:
        process = once_more()
        try:
            ended = process.wait(generator.uniform(0.5, 9)) == 0
            assert ended, process.communicate()[1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        if ended and kills < KILLS:  # once more, from the beginning
            assert content(killed / "run") == content(whole / "run")
            for path in sorted((killed / "run").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (killed / "run").rmdir()
            ended = False
    while not ended:
        process = once_more()
        ended = process.wait(600) == 0
        assert ended, process.communicate()[1]
    assert kills == KILLS and content(killed / "run") == content(whole / "run")
