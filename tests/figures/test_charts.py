"""Figures are real text, the same every time, and say what they show."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from acdc_custom.errors import ResultError
from acdc_custom.figures import charts, panels
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.graph import Sender

VALUES = np.array([[1.0, -2.0, 0.5], [0.0, np.nan, 3.0]])
ROWS, COLUMNS = ["zero", "one"], ["a", "b", "<$c$&>"]


def drawn(name: str, theme: Theme = Theme.LIGHT) -> Figure:
    """A figure of each kind, by its name in `KINDS`."""
    points = {"L0H1, S1": ([0.1, 0.2], [1, 2])}
    two = {"one": VALUES[0], "two": [1, 2, 3]}
    draw: dict[str, Callable[[], Figure]] = {
        "heads": lambda: charts.head_heatmap(VALUES, "Title", "logits", [Sender.parse("a1.h2")], theme),
        "cells": lambda: charts.heatmap(VALUES, ROWS, COLUMNS, "Title", "logits", "row", "column", theme=theme),
        "lines": lambda: charts.lines(COLUMNS, two, "Title", "after", "logits", theme=theme),
        "bars": lambda: charts.bars(COLUMNS, VALUES[0], "Title", "component", "logits", [0.1, 0.1, 0.1], theme),
        "histogram": lambda: charts.histogram({"one": VALUES[0], "two": [1, 2]}, "Title", "cosine", "share", theme),
        "scatters": lambda: panels.scatters(points, {"L0H1, S1": "r = 1.00"}, "Title", "x", "y", 1, theme),
        "attention": lambda: panels.attention_panels({"L0H1": np.eye(3)}, COLUMNS, "Title", theme),
    }
    return draw[name]()


KINDS = ("heads", "cells", "lines", "bars", "histogram", "scatters", "attention")


@cache
def svg_of(name: str, theme: Theme) -> str:
    """Drawn once for all tests that read it."""
    return drawn(name, theme).to_svg()


def words_of(svg: str) -> set[str]:
    return {element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")}


@pytest.mark.parametrize("theme", Theme)
def test_every_figure_has_a_title_a_description_and_text_in_the_colours_of_its_theme(theme: Theme) -> None:
    for name in KINDS:
        svg = svg_of(name, theme)
        root = ElementTree.fromstring(svg)
        assert root[0].text == "Title" and len(root[1].text or "") > 15, name
        assert "Title" in words_of(svg), name
        assert theme.value.ink in svg and "<metadata" not in svg and "<style" not in svg


def test_no_figure_has_an_image_in_it_and_no_text_is_smaller_than_seven_points() -> None:
    for name in KINDS:
        svg = svg_of(name, Theme.LIGHT)
        assert "<image" not in svg, name
        assert min(float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", svg)) >= 7, name


def test_labels_are_text_and_a_dollar_is_no_formula() -> None:
    for name in ("cells", "lines", "bars", "attention"):
        assert set(COLUMNS) <= words_of(svg_of(name, Theme.LIGHT))


def test_the_same_figure_is_the_same_file_and_names_nothing_that_another_could_name_too() -> None:
    first, second = svg_of("cells", Theme.LIGHT), drawn("cells").to_svg()
    assert first == second and '<g id="' not in first


def test_a_heat_map_has_zero_in_the_middle_unless_it_shows_amounts() -> None:
    signed, amount, nothing = (
        charts.head_heatmap(VALUES, "t", "u"),
        charts.head_heatmap(np.abs(VALUES), "t", "u", scale=charts.Scale.AMOUNT),
        charts.head_heatmap([[0.0]], "t", "u"),
    )
    bars = [figure.axes[1].get_ylim() for figure in (signed, amount, nothing)]
    assert bars == [(-3, 3), (0, 3), (-1, 1)]


def test_a_frame_around_cells_is_told() -> None:
    marked = charts.head_heatmap(VALUES, "t", "u", [Sender.parse("a1.h2")])
    assert marked.main.get_title(loc="left") == "u; framed: in the circuit"
    assert charts.head_heatmap(VALUES, "t", "u").main.get_title(loc="left") == "u"


def test_the_description_of_a_heat_map_names_the_extremes() -> None:
    figure = drawn("cells")
    assert "Largest 3 at row one, column <$c$&>; smallest -2 at row zero, column b." in figure.about


def test_small_heat_maps_have_their_numbers_written_in_and_large_ones_do_not() -> None:
    few = words_of(charts.head_heatmap(VALUES, "t", "u").to_svg())
    assert {"1.00", "-2.00", ".50", "0", "3.00"} <= few
    assert "1.23" not in words_of(charts.head_heatmap(np.full((9, 9), 1.23), "t", "u").to_svg())


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(matplotlib.rcParams)
    drawn("lines", Theme.DARK).to_svg()
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_a_figure_as_svg(tmp_path: Path) -> None:
    shown, saved = drawn("bars"), drawn("bars")
    assert shown._repr_svg_() == saved.save(tmp_path / "new" / "x.svg").read_text()


def test_a_figure_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="could not be written"):
        drawn("bars").save(tmp_path / "file" / "x.svg")


def test_figures_import_no_torch() -> None:
    program = "import sys, acdc_custom.figures.charts, acdc_custom.figures.panels; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"
