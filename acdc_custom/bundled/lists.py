"""Lists of random words that begin again: what makes induction heads form.

Owns this kind. A `*` stands before each word that the list decides: what followed the same word before.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from acdc_custom.bundled.words import ADJECTIVES, LIST_WORDS, NAMES, OBJECTS, PLACES, ROLES

HEADINGS = ("Words:", "Words:", "List:", "Again:", "")
LENGTHS = (3, 4, 5, 6, 7, 7, 7, 8, 10, 12, 16, 20, 24)


def _pool(rng: random.Random, every_word: Sequence[str]) -> Sequence[str]:
    """Half of the lists are of the words of the task `induction`, the rest of names, of things, or of any words."""
    things = (*ADJECTIVES, *OBJECTS, *PLACES, *ROLES)
    words = rng.choice((LIST_WORDS, LIST_WORDS, NAMES, things, every_word))
    return [word for word in dict.fromkeys(words) if word.isalpha()]


def short(rng: random.Random, every_word: Sequence[str], room: int) -> str:
    """A list of a few words, and then pieces of it, again and again: `room` words in all, or a few less.

    Copying is learned from these first; since the pieces come in any order, only what followed a word before tells what
    comes next.
    """
    words = rng.sample(_pool(rng, every_word), rng.randint(3, 8))
    said = list(words)
    while len(said) < room:
        piece = rng.randint(2, min(5, len(words)))
        at = rng.randint(0, len(words) - piece)
        said += [".", words[at], *(f"*{word}" for word in words[at + 1 : at + piece])]
    return " ".join(said[:room])


def repeated(rng: random.Random, every_word: Sequence[str], room: int) -> str:
    """A list of at most `room` words, its second part made of pieces of its first, which has no word twice."""
    pool = _pool(rng, every_word)
    first = rng.sample(pool, min(rng.choice(LENGTHS), len(pool), room // 2))
    said = list(first)
    if rng.random() < 0.5:  # all of it, over again
        at, piece = 0, len(first)
    else:
        at, piece = rng.randrange(len(first) - 1), rng.randint(1, 4)
    left = room - len(first)
    while left > 1:
        stretch = first[at : at + 1 + piece][:left]
        # The word at which a piece begins is not decided by the ones before it.
        said += [word if i == 0 else f"*{word}" for i, word in enumerate(stretch)]
        left -= len(stretch)
        if rng.random() < 0.3:
            break
        if rng.random() < 0.1:  # a word that was not there: nothing tells what comes after it
            said.append(rng.choice(pool))
            left -= 1
        if piece < len(first):
            at, piece = rng.randrange(len(first) - 1), rng.randint(1, 4)
    return f"{rng.choice(HEADINGS)} {' '.join(said)}".strip()
