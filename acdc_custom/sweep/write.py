"""The files of a sweep: `sweep.json`, `sweep.csv` and `sweep.svg`, beside the folders of its runs.

Owns their names.
"""

from __future__ import annotations

from pathlib import Path

from acdc_custom.files.table import write_csv
from acdc_custom.files.writing import write_file
from acdc_custom.sweep.content import JSON_NAME, to_json
from acdc_custom.sweep.picture import draw_sweep
from acdc_custom.sweep.result import Sweep
from acdc_custom.sweep.table import to_rows

TABLE_NAME, PICTURE_NAME = "sweep.csv", "sweep.svg"


def write_sweep(sweep: Sweep, folder: str | Path) -> list[Path]:
    """Write all three, over those of an earlier analysis; gives their paths. Raises `ResultError`."""
    folder = Path(folder)
    return [
        write_file(folder / JSON_NAME, to_json(sweep)),
        write_csv(folder / TABLE_NAME, to_rows(sweep)),
        draw_sweep(sweep).save(folder / PICTURE_NAME),
    ]
