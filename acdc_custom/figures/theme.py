"""How every figure looks and how it becomes an SVG: colours, fonts, sizes, files.

Owns the two themes and the `Figure` that carries one. Nothing is set for matplotlib as a whole: a notebook's own
settings stay as they are. What is drawn is `figures.py`'s business.
"""

from __future__ import annotations

import contextlib
import html
import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import matplotlib.figure
import matplotlib.style
from cycler import cycler
from matplotlib.axes import Axes

from acdc_custom.files.writing import write_file

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
DIVERGING = "RdBu"  # red below zero, blue above; told apart by colour-blind readers
SEQUENTIAL = "Blues"
MARKERS = "os^Dv<>P"
TITLE_LETTER = 0.085  # inches: a letter of a title, more or less


@dataclass(frozen=True)
class Colours:
    """What is drawn in what. The background is left to the page."""

    ink: str
    faint: str  # axes, grids
    empty: str  # cells without a number
    series: tuple[str, ...]  # Okabe and Ito's, or near them, which colour-blind readers can tell apart


class Theme(Enum):
    """Which page a figure is for."""

    LIGHT = Colours("#222222", "#8a8a8a", "#dddddd", ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"))
    DARK = Colours("#e8e8e8", "#909090", "#444444", ("#56b4e9", "#e69f00", "#12a37a", "#cc79a7", "#e0603a", "#f0e442"))

    def look(self, number: int) -> tuple[str, str]:
        """The colour and the marker of one of several curves, counted from 0; no two of the first 56 look alike."""
        series = (*self.value.series, self.value.ink)
        return series[number % len(series)], MARKERS[number % len(MARKERS)]

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, matplotlib draws in this theme; afterwards everything is as it was."""
        colours = self.value
        settings = {
            "axes.edgecolor": colours.faint,
            "axes.facecolor": "none",
            "axes.labelcolor": colours.ink,
            "axes.labelsize": 9,
            "axes.prop_cycle": cycler(color=colours.series),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": colours.ink,
            "axes.titlelocation": "left",
            "axes.titlesize": 8.5,
            "figure.facecolor": "none",
            "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same layout everywhere
            "font.size": 8.5,
            "grid.color": colours.faint,
            "grid.alpha": 0.35,
            "legend.frameon": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "acdc-custom",
            "text.color": colours.ink,
            "text.parse_math": False,  # a dollar in a prompt is a dollar
            "xtick.color": colours.faint,
            "xtick.labelcolor": colours.ink,
            "ytick.color": colours.faint,
            "ytick.labelcolor": colours.ink,
        }
        with matplotlib.style.context(["default", settings]), warnings.catch_warnings():
            # The text stays text: whoever shows the figure has the fonts for it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that remembers its theme and its words, and that notebooks show as SVG."""

    def __init__(self, title: str, about: str, width: float, height: float, theme: Theme) -> None:
        """`about` says what is shown, for those who cannot see it. Sizes are in inches, without the title's lines."""
        lines = textwrap.wrap(title, int(width / TITLE_LETTER))
        super().__init__(figsize=(width, height + 0.2 * len(lines)), layout="constrained")
        self.title, self.about, self.theme = title, about, theme
        self.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5)

    @property
    def main(self) -> Axes:
        """The axes that were made first."""
        return self.axes[0]

    def to_svg(self) -> str:
        """The figure as SVG text: real text, no date, the same every time, made to stand alone or within a page."""
        buffer = io.StringIO()
        with self.theme.applied():
            self.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return _standalone(buffer.getvalue(), self.title, self.about)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def save(self, path: str | Path) -> Path:
        """Write the SVG, whole or not at all, and make its folder if need be. Raises `ResultError`."""
        return write_file(path, self.to_svg())


def _standalone(svg: str, title: str, about: str) -> str:
    """matplotlib's SVG with a title, a description and our fonts, and without names that two figures would share."""
    svg = re.sub(r"^.*?(?=<svg )", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>", "", svg)  # it would style a whole page
    svg = re.sub(r"font(-family)?: ((?:[0-9.a-z]+ )*)'DejaVu Sans'[^;\"]*", rf"font\1: \2{FONT}", svg)
    svg = re.sub(r' d="([^"]*)"', lambda found: f' d="{_short_path(found[1])}"', svg)
    words = f"<title>{html.escape(title)}</title>\n <desc>{html.escape(about)}</desc>"
    head = '<svg role="img" style="max-width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt" '
    return re.sub(r"<svg ([^>]*>)", lambda found: f"{head}{found[1]}\n {words}", svg, count=1)


def _short_path(path: str) -> str:
    """The same way in fewer letters: hundredths of a point, and lines along an axis by their one number."""
    short: list[str] = []
    x = y = ""
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        near = [f"{float(number):.2f}".rstrip("0").rstrip(".") for number in numbers.split()]
        if command == "L" and near[1] == y:
            command, near = "H", near[:1]
        elif command == "L" and near[0] == x:
            command, near = "V", near[1:]
        short.append(command + " ".join(near))
        if command == "V":
            y = near[0]
        elif command == "H":
            x = near[0]
        elif near:
            x, y = near[-2:]
    return "".join(short)
