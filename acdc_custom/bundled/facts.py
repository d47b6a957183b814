"""Texts whose answers are known by heart: opposites and capitals.

Owns these kinds. A `*` stands before each word that the text before it, or what is known, decides.
"""

from __future__ import annotations

import random

from acdc_custom.bundled.fillers import between
from acdc_custom.bundled.words import ANTONYMS, CAPITALS, NAMES, SIZES


def opposites(rng: random.Random) -> str:
    """Adjectives and their opposites, by themselves or said of people, with and without examples."""
    kind = rng.random()
    if kind < 0.4:
        pairs = rng.sample(ANTONYMS, rng.choice((1, 2, 2, 3)))
        return " ".join(f"The opposite of {a} is *{b}." for a, b in _distinct(pairs))
    names = rng.sample(NAMES, 6)
    if kind < 0.75:
        (a, b) = rng.choice(ANTONYMS)
        return f"{names[0]} is {a}.{between(rng) if rng.random() < 0.3 else ' '}{names[1]} is *{b}."
    if kind < 0.88:
        (a, b) = rng.choice(SIZES)
        return f"{names[0]} is very {a}, but {names[1]} is *{b}."
    pairs = _distinct(rng.sample(SIZES, rng.choice((2, 3, 4))))
    said = [f"{x} is {a}, but {y} is *{b}." for x, y, (a, b) in zip(names[::2], names[1::2], pairs, strict=False)]
    return " ".join(said)


def _distinct(pairs: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The pairs without those whose words came before."""
    seen: set[str] = set()
    kept = []
    for pair in pairs:
        if seen.isdisjoint(pair):
            kept.append(pair)
            seen.update(pair)
    return kept


def capitals(rng: random.Random) -> str:
    """Countries and their capitals."""
    said = []
    for country, city in rng.sample(CAPITALS, rng.choice((1, 2, 3))):
        said.append(f"The capital of {country} is {rng.choice(('', '', 'the city of '))}*{city}.")
    return " ".join(said)


# The words of these texts beside those of the lists.
PATTERNS = ("The opposite of is", "is very, but is.", "The capital of is the city of.")
