"""The files of a comparison: `comparison.json`, `comparison.svg` and `comparison.html`.

Owns their names, and the name of the folder that they go into.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acdc_custom.compare.comparison import Comparison
from acdc_custom.compare.content import to_json
from acdc_custom.compare.entry import Entry
from acdc_custom.compare.page import comparison_page
from acdc_custom.compare.picture import draw_comparison
from acdc_custom.files.writing import name_part, write_file

JSON_NAME, PICTURE_NAME, PAGE_NAME = "comparison.json", "comparison.svg", "comparison.html"
NAMED = 3  # circuits in a folder's name; more are counted
LONGEST_PART = 60  # characters of one of them: file systems allow 255 bytes in all


def default_folder(entries: Sequence[Entry], parent: Path = Path("results")) -> Path:
    """`results/compare_latest_s_demo-4l_0.01_ioi_demo-4l_0.01`."""
    parts = [name_part(entry.name, LONGEST_PART) for entry in entries]
    more = [f"and_{len(parts) - NAMED}_more"] if len(parts) > NAMED else []
    return parent / "_".join(["compare", *parts[:NAMED], *more])


def write_comparison(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Write all three, over those of an earlier comparison; gives their paths, the page last. Raises `ResultError`."""
    folder = Path(folder)
    texts = {JSON_NAME: to_json(comparison), PAGE_NAME: comparison_page(comparison)}
    for name, text in texts.items():
        write_file(folder / name, text)
    return [folder / JSON_NAME, draw_comparison(comparison, folder / PICTURE_NAME), folder / PAGE_NAME]
