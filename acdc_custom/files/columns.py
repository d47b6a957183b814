"""Tables and paragraphs for a terminal: columns as wide as what is in them, no line wider than the terminal.

Owns widths, gaps and breaks between lines. What stands in a table is its caller's business.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

PIPED = 80  # columns where there is no terminal
WIDEST = 110  # columns: lines that are longer are hard to read, however wide the terminal is
GAPS = (2, 1)  # between columns; one where two are too many
KEPT = "\N{NO-BREAK SPACE}"
CUT = "..."

Row = Sequence[str]


class Side(Enum):
    """Where a cell stands in its column: text on the left, numbers on the right."""

    LEFT = "<"
    RIGHT = ">"


@dataclass(frozen=True)
class Column:
    """What stands above a column, and above it and its neighbours with the same `over`."""

    name: str
    side: Side
    over: str = ""


def left(name: str = "", over: str = "") -> Column:
    """A column of text."""
    return Column(name, Side.LEFT, over)


def right(name: str = "", over: str = "") -> Column:
    """A column of numbers."""
    return Column(name, Side.RIGHT, over)


def whole(text: str) -> str:
    """The same text, which no line ends in: `0.12 (0.10 to 0.14)` breaks before its brackets if these are whole."""
    return text.replace(" ", KEPT)


def line_width() -> int:
    """The columns of a line: those of the terminal, 80 without one (`COLUMNS` says otherwise), 110 at most."""
    return min(shutil.get_terminal_size((PIPED, 24)).columns, WIDEST)


def paragraph(text: str, first: str = "", later: str = "", width: int | None = None) -> list[str]:
    """Lines of whole words: `first` stands before the first line, `later` before the others."""
    return textwrap.wrap(
        text,
        width or line_width(),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(
    columns: Sequence[Column], rows: Sequence[Row], *, keys: int = 1, indent: int = 0, width: int | None = None
) -> list[str]:
    """The lines of a table, none of them wider than `width`, by default `line_width()`.

    A table that is too wide gets, in this order: headings in several lines, cells in several lines (the widest columns
    first), smaller gaps, and where even the longest words are too wide together, a second table below for the columns
    that are left, which begins with the first `keys` columns again. Only a word that is too wide for a table with its
    keys is cut, and ends with dots. Columns without names have no heading. Raises `ValueError` for a row with more or
    fewer cells than columns.
    """
    room = max(1, (width or line_width()) - indent)
    lines: list[str] = []
    for part in _parts(columns, rows, keys, room):
        lines += [""] * bool(lines)
        lines += _Layout([columns[i] for i in part], [[row[i] for i in part] for row in rows], room).lines()
    return [f"{' ' * indent}{line}".rstrip().replace(KEPT, " ") for line in lines]


def _parts(columns: Sequence[Column], rows: Sequence[Row], keys: int, room: int) -> Iterator[list[int]]:
    """Which columns stand side by side. Neighbours under one heading stay together."""
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"every row of this table has {len(columns)} cells")

    def layout(part: Sequence[int]) -> _Layout:
        return _Layout([columns[i] for i in part], [[row[i] for i in part] for row in rows], room)

    first, part = list(range(keys)), list(range(len(columns)))
    if layout(part).fits or len(columns) <= keys:
        yield part
        return
    units: list[list[int]] = []
    for _, group in groupby(range(keys, len(columns)), lambda i: columns[i].over or i):
        together = list(group)
        units += [together] if layout([*first, *together]).fits else [[i] for i in together]
    part = first
    for unit in units:
        if part != first and not layout([*part, *unit]).is_easy:
            yield part
            part = first
        part = [*part, *unit]
    yield part


class _Layout:
    """Columns that stand side by side: their widths, and the gap between them."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row], room: int) -> None:
        self.columns, self.rows = columns, rows
        cells = [[row[i] for row in rows] for i in range(len(columns))]
        widest = [max(map(len, column), default=0) for column in cells]
        natural = [max(len(column.name), wide) for column, wide in zip(columns, widest, strict=True)]
        snug = [max(_word(column.name), wide) for column, wide in zip(columns, widest, strict=True)]
        least = [max(map(_word, (column.name, *inside))) for column, inside in zip(columns, cells, strict=True)]
        self.fits, self.is_easy = False, False
        for self.gap in GAPS:
            for wanted in (natural, snug, least):
                self.widths = self._under_headings(wanted)
                if self._total <= room:
                    self.fits, self.is_easy = True, wanted is not least
                    break
            if self.fits:
                break
        if not self.is_easy:
            self._shrink(self._under_headings(snug), self.widths if self.fits else [1] * len(columns), room)

    @property
    def _total(self) -> int:
        return sum(self.widths) + self.gap * (len(self.widths) - 1)

    def _under_headings(self, widths: Sequence[int]) -> list[int]:
        """So wide that every word above several columns has room."""
        enough = list(widths)
        for over, group in self._groups():
            span = sum(enough[i] for i in group) + self.gap * (len(group) - 1)
            enough[group[-1]] += max(0, _word(over) - span)
        return enough

    def _groups(self) -> Iterator[tuple[str, list[int]]]:
        for _, group in groupby(range(len(self.columns)), lambda i: self.columns[i].over or i):
            several = list(group)
            yield self.columns[several[0]].over, several

    def _shrink(self, widths: list[int], least: Sequence[int], room: int) -> None:
        """Take from the widest column, again and again, until all of them fit."""
        self.widths = widths
        while self._total > room:
            possible = [i for i, width in enumerate(widths) if width > least[i]]
            if not possible:
                return
            widths[max(possible, key=lambda i: widths[i])] -= 1

    def lines(self) -> Iterator[str]:
        if any(column.over for column in self.columns):
            groups = list(self._groups())
            spans = [sum(self.widths[i] for i in group) + self.gap * (len(group) - 1) for _, group in groups]
            sides = [self.columns[group[0]].side for _, group in groups]
            yield from self._row([over for over, _ in groups], spans, sides, top=False)
        sides = [column.side for column in self.columns]
        if any(column.name for column in self.columns):
            yield from self._row([column.name for column in self.columns], self.widths, sides, top=False)
        for row in self.rows:
            yield from self._row(row, self.widths, sides, top=True)

    def _row(self, cells: Row, widths: Sequence[int], sides: Sequence[Side], top: bool) -> Iterator[str]:
        broken = [_broken(cell, width) for cell, width in zip(cells, widths, strict=True)]
        high = max(map(len, broken))
        padded = [
            [*lines, *[""] * (high - len(lines))] if top else [*[""] * (high - len(lines)), *lines] for lines in broken
        ]
        for line in zip(*padded, strict=True):
            yield (" " * self.gap).join(
                f"{text:{side.value}{width}}" for text, side, width in zip(line, sides, widths, strict=True)
            )


def _word(text: str) -> int:
    """How wide the longest word is."""
    return max(map(len, text.split(" ")))


def _broken(text: str, width: int) -> list[str]:
    """A cell in lines of whole words."""
    return [_cut(line, width) for line in paragraph(text, width=max(1, width))] or [""]


def _cut(word: str, width: int) -> str:
    return word if len(word) <= width else (word[: max(0, width - len(CUT))] + CUT)[:width]
