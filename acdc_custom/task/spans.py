"""Prompts cut into spans: the named tokens, and what lies between them.

Owns which span every token of a prompt is in, and in which order spans come when prompts differ. A named position is a
span of its own, and so is END, where the answer is read; the run of tokens between two of them is called after both
(`S1..S2`), and what stands before the first is `start`. A task may set spans by hand instead. Where it names nothing,
the tokens that the corruption changes are named: each run of them is `changed1`, `changed2` and so on. Knows no
tokenizer and no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

END = "END"  # where the answer is read: the last token of a prompt, and those of the answer before its last one
START = "start"  # all that stands before the first named token


def cut(
    clean: Sequence[int],
    corrupted: Sequence[int],
    positions: Mapping[str, int],
    by_hand: Mapping[str, range] | None = None,
    n_answers: int = 1,
) -> tuple[str, ...]:
    """The name of the span that each token of a prompt is in, from its tokens and its named positions, or from the
    spans of its task, if there are any: those that this prompt has, each with its tokens.

    Of several names of one token the first counts, and END before all others: it has the last `n_answers` tokens, those
    after which a token of the answer comes.
    """
    if by_hand is None:
        names = _named(positions) or _changed(clean, corrupted)
    else:
        names = {place: name for name, places in by_hand.items() for place in places}
    names |= dict.fromkeys(range(len(clean) - n_answers, len(clean)), END)
    spans: list[str] = []
    before = ""
    for place in range(len(clean)):
        if place in names:
            before = names[place]
            spans.append(before)
        else:
            after = next(names[later] for later in range(place, len(clean)) if later in names)
            spans.append(f"{before}..{after}" if before else START)
    return tuple(spans)


def _named(positions: Mapping[str, int]) -> dict[int, str]:
    """By token, the first of its names; END apart."""
    names: dict[int, str] = {}
    for name, place in positions.items():
        if name != END:
            names.setdefault(place, name)
    return names


def _changed(clean: Sequence[int], corrupted: Sequence[int]) -> dict[int, str]:
    """By token, the runs of those that differ, counted from 1."""
    names: dict[int, str] = {}
    runs = 0
    for place, (one, other) in enumerate(zip(clean, corrupted, strict=True)):
        if one != other:
            runs += place - 1 not in names
            names[place] = f"changed{runs}"
    return names


def in_order(prompts: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All spans of some prompts, each given by its tokens' spans: by where they stand, on average; END last."""
    places: dict[str, list[float]] = {}
    for spans in prompts:
        for place, name in enumerate(spans):
            places.setdefault(name, []).append(place / len(spans))
    return tuple(sorted(places, key=lambda name: (name == END, sum(places[name]) / len(places[name]), name)))


@dataclass(frozen=True)
class Piece:
    """One span of a prompt, and its text."""

    span: str
    text: str


def pieces(spans: Sequence[str], tokens: Sequence[str]) -> tuple[Piece, ...]:
    """A prompt in pieces, from the span and the text of each token; a span of several runs is several pieces."""
    found: list[Piece] = []
    for span, token in zip(spans, tokens, strict=True):
        if found and found[-1].span == span:
            found[-1] = Piece(span, found[-1].text + token)
        else:
            found.append(Piece(span, token))
    return tuple(found)
