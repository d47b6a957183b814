"""A clean prompt over its corrupted twin, token over token, with the differences and the positions marked.

Owns how a prompt is laid out in plain text. Knows nothing of terminals or colours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from acdc_custom.files.reading import printable
from acdc_custom.task.prompt import Prompt
from acdc_custom.task.tokens import Encoder, Tokenizer

BOS = "<bos>"


@dataclass(frozen=True)
class AlignedBlock:
    """As much of a prompt as fits in a line. All lines begin at the same column."""

    clean: str
    corrupted: str
    marks: str  # ^^^^ under what differs; may be empty
    names: tuple[str, ...]  # lines with the positions' names, each beginning at its token


@dataclass(frozen=True)
class _Cell:
    clean: str
    corrupted: str
    index: int  # of the token

    @property
    def width(self) -> int:
        return max(columns(self.clean), columns(self.corrupted))

    @property
    def indent(self) -> int:
        """Where the word begins, after the space before it."""
        return min(len(text) - len(text.lstrip()) for text in (self.clean, self.corrupted))

    @property
    def mark(self) -> str:
        if self.clean == self.corrupted:
            return " " * self.width
        return " " * self.indent + "^" * max(1, self.width - self.indent)


def align(prompt: Prompt, tokenizer: Tokenizer, width: int) -> Iterator[AlignedBlock]:
    """The prompt in blocks of at most `width` columns (a longer token has a line of its own)."""
    line: list[_Cell] = []
    for cell in _cells(prompt, Encoder(tokenizer)):
        if line and sum(c.width for c in line) + cell.width > width:
            yield _block(line, prompt, width)
            line = []
        line.append(cell)
    yield _block(line, prompt, width)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: some letters take two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def token_texts(prompt: Prompt, tokenizer: Tokenizer) -> tuple[str, ...]:
    """The clean prompt, token by token, with what stands behind its text."""
    return tuple(cell.clean for cell in _cells(prompt, Encoder(tokenizer)))


def _cells(prompt: Prompt, encoder: Encoder) -> Iterator[_Cell]:
    clean, corrupted = (encoder.encode(text).pieces for text in (prompt.clean, prompt.corrupted))
    before = (BOS,) * (len(prompt.clean_ids) - len(prompt.behind) - len(clean))
    pairs = zip(before + clean + prompt.behind, before + corrupted + prompt.behind, strict=True)
    for index, (piece, other) in enumerate(pairs):
        yield _Cell(printable(piece), printable(other), index)


def _block(line: list[_Cell], prompt: Prompt, width: int) -> AlignedBlock:
    starts, end = {}, 0
    for cell in line:
        starts[cell.index] = end + cell.indent
        end += cell.width
    names: list[str] = []
    for name, at in sorted(prompt.positions.items(), key=lambda item: item[1]):
        if at not in starts:
            continue
        label = printable(name)
        start = max(0, min(starts[at], width - columns(label)))
        row = next((i for i, text in enumerate(names) if columns(text) < start or not text), len(names))
        names += [""] * (row == len(names))
        names[row] += " " * (start - columns(names[row])) + label
    return AlignedBlock(
        "".join(_padded(cell.clean, cell.width) for cell in line).rstrip(),
        "".join(_padded(cell.corrupted, cell.width) for cell in line).rstrip(),
        "".join(cell.mark for cell in line).rstrip(),
        tuple(names),
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))
