"""How far a run is, read from its journal as it grows."""

from __future__ import annotations

import json
from pathlib import Path

from acdc_custom.grid.progress import ProgressReader, State


def line(kept: bool, metric: float) -> str:
    return json.dumps({"sender": "m1", "kept": kept, "metric": metric}) + "\n"


def test_a_journal_is_read_as_it_grows_and_again_when_it_was_cut(tmp_path: Path) -> None:
    reader, states = ProgressReader(tmp_path, ["a"]), {"a": State.RUNNING}

    def read() -> tuple[int, int, float | None]:
        (run,) = reader.read(states).runs
        return run.decided, run.kept, run.metric

    assert read() == (0, 0, None)
    (tmp_path / "a").mkdir()
    journal = tmp_path / "a" / "decisions.jsonl"
    whole = line(True, 0.5) + line(False, 0.6)
    journal.write_text(whole + line(True, 0.7)[:10])
    assert read() == (2, 1, 0.6)
    journal.write_text(whole + line(True, 0.7))
    assert read() == (3, 2, 0.7)
    journal.write_text(line(True, 0.5))
    assert read() == (1, 1, 0.5)
