"""The little language of task texts: `The child is {B}`, `{q.opposite}`, `{S}#2+1`.

Owns how a text with slots, a position and a replaced occurrence are written, read and filled.
Knows nothing of files, word lists' contents or tokens. Trouble is a ValueError whose message the
reader of the task file completes with the file and the key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Entry = tuple[str, ...]  # one row of a word list: one word, or one word per column

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NUMBERED = re.compile(r"(?P<what>.+?)(?:#(?P<nth>-?\d+)(?P<offset>[+-]\d+)?)?", re.DOTALL)


@dataclass(frozen=True, order=True)
class Ref:
    """A slot in a text: which slot, and which column of its row."""

    slot: str
    column: int
    text: str  # as written, with its braces


Pattern = tuple[str | Ref, ...]
Resolve = Callable[[str], Ref]  # what is between the braces -> the slot; ValueError if there is none


@dataclass(frozen=True)
class TextSpan:
    """Where a slot's word or a literal came to lie in a filled text, in characters."""

    start: int
    end: int


@dataclass(frozen=True)
class Where:
    """A position: the n-th occurrence (from 1, or from -1 backwards) of something, then some tokens on."""

    what: Ref | str
    nth: int
    offset: int
    text: str  # as written


def parse_pattern(text: str, resolve: Resolve) -> Pattern:
    """Cut a text at its slots; `{{` and `}}` are braces."""
    pieces: list[str | Ref] = []
    literal = ""
    end = 0
    for match in _PIECE.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[0] in ("{{", "}}"):
            literal += match[0][0]
        elif match[1] is None:
            raise ValueError(f"the brace {match[0]} has no partner; write {match[0] * 2} for a brace itself")
        else:
            if literal:
                pieces.append(literal)
            pieces.append(resolve(match[1]))
            literal = ""
    literal += text[end:]
    return (*pieces, literal) if literal else tuple(pieces)


def refs(pattern: Pattern) -> tuple[Ref, ...]:
    """The slots of a text, in order, repeated as often as they occur."""
    return tuple(piece for piece in pattern if isinstance(piece, Ref))


def occurrences(pattern: Pattern) -> Iterator[tuple[Ref, int]]:
    """Every slot of a text with its number among the occurrences of that slot, counted from 1."""
    seen: dict[str, int] = {}
    for ref in refs(pattern):
        seen[ref.slot] = seen.get(ref.slot, 0) + 1
        yield ref, seen[ref.slot]


def fill(
    pattern: Pattern, words: Mapping[str, Entry], overrides: Mapping[tuple[str, int], Entry] | None = None
) -> tuple[str, tuple[tuple[Ref, TextSpan], ...]]:
    """The text with words in its slots, and where each slot's word lies in it.

    `overrides` gives one occurrence of a slot a row of its own.
    """
    rows = iter((overrides or {}).get((ref.slot, nth), words[ref.slot]) for ref, nth in occurrences(pattern))
    text = ""
    spans: list[tuple[Ref, TextSpan]] = []
    for piece in pattern:
        if isinstance(piece, Ref):
            word = next(rows)[piece.column]
            spans.append((piece, TextSpan(len(text), len(text) + len(word))))
            text += word
        else:
            text += piece
    return text, tuple(spans)


def parse_occurrence(text: str) -> tuple[str, int | None]:
    """`S` -> ("S", None), `S#2` -> ("S", 2): the slot that a corruption replaces, and which occurrence."""
    slot, mark, number = text.partition("#")
    if mark and (not number.isdecimal() or int(number) < 1):
        raise ValueError(f'"{text}" is not a slot or an occurrence of one, such as S or S#2')
    return slot, int(number) if mark else None


def parse_where(text: str, resolve: Resolve) -> Where:
    """`{B}`, `{B}#2`, `{B}#-1`, `{S}#1+1`, `.#2`."""
    match = _NUMBERED.fullmatch(text)
    if match is None or not match["what"].strip() or (match["nth"] is not None and int(match["nth"]) == 0):
        raise ValueError(f'"{text}" is not a position such as "{{S}}", "{{S}}#2", "{{S}}#1+1" or ".#2"')
    pieces = parse_pattern(match["what"], resolve)
    if len(pieces) != 1:
        raise ValueError(
            f'"{text}" has to be one slot or one literal text; an offset needs its occurrence: "{{S}}#1+1"'
        )
    return Where(pieces[0], int(match["nth"] or 1), int(match["offset"] or 0), text)
