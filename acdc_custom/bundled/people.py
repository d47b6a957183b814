"""Texts about people: who is given the thing (IOI and its kin), who is the child (latest-S and its kin), whose it is.

Owns these three kinds. A `*` stands before each word that the text before it decides: the answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from acdc_custom.bundled.fillers import NAMED, between, filler
from acdc_custom.bundled.words import ADJECTIVES, CHOSEN, NAMES, OBJECTS, PLACES, ROLES

RENAMED = 0.08  # share of the texts about giving in which a stranger gives: IOI's corrupted prompts
FRAME = 0.25  # share of the texts that have the very words of a built-in task
THREE = 0.25  # share of the texts with three people
OPENERS = (
    ("When ", ","), ("After ", ","), ("While ", ","), ("Then, ", "."), ("", "."), ("Later, ", "."), ("One day, ", "."),
    ("In the morning, ", "."),
)  # fmt: skip
WENT = ("went to", "were at", "came to", "walked to", "met at", "got to", "were working at", "had a long day at")
GAVE = ("gave", "brought", "handed", "sold", "showed", "decided to give", "wanted to give", "sent")
TOGETHER = ("", "", "", " together", " again", " in the morning")
# Somebody who has no part in it. That can be told by the word before the name, but not by the name alone.
ASIDES = (" to meet {D}", " with the {o} of {D}", " and saw {D}", " without {D}", " because of {D}", " near {D}")
CHILDREN = (("teacher", "student"), ("student", "teacher"))


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _scene(rng: random.Random, present: Sequence[str], beside: Sequence[str]) -> str:
    """`When Mary and John went to the store,`: who is there, up to the one who gives; and others beside the point."""
    aside = "".join(rng.choice(ASIDES).format(D=name, o=rng.choice(OBJECTS)) for name in beside)
    if rng.random() < FRAME:
        before, after = rng.choice((("When ", ","), ("Then, ", ".")))
        return f"{before}{_and(present)} went to the {rng.choice(PLACES)}{aside}{after} "
    before, after = rng.choice(OPENERS)
    gap = between(rng) if after == "." else " "
    where = f"{rng.choice(WENT)} the {rng.choice(PLACES)}{rng.choice(TOGETHER)}{aside}"
    return f"{before}{_and(present)} {where}{after}{gap}"


def _gift(rng: random.Random) -> str:
    """`gave a drink`."""
    if rng.random() < FRAME:
        return f"gave a {rng.choice(OBJECTS)}"
    adjective = f"{rng.choice(ADJECTIVES)} " if rng.random() < 0.3 else ""
    where = f" at the {rng.choice(PLACES)}" if rng.random() < 0.2 else ""
    return f"{rng.choice(GAVE)} {rng.choice(('a', 'the'))} {adjective}{rng.choice(OBJECTS)}{where}"


def giving(rng: random.Random) -> str:
    """Two or three people, and one who gives: who is given the thing? Nobody is known by a place in the sentence.

    Somebody may be named before, so that a name that comes twice need not be the giver's. What was given may be given
    back, so that who is given it depends on the last giver.
    """
    three = rng.random() < THREE
    *people, stranger, one, other = rng.sample(NAMES, 6 if three else 5)
    order = rng.sample(people, len(people))
    text = f"{filler(rng, NAMED)} " if rng.random() < 0.4 else ""
    if rng.random() < 0.2:
        text += f"{rng.choice(people)} {rng.choice(('was at the', 'had been at the'))} {rng.choice(PLACES)}. "
    text += _scene(rng, order, rng.choice(((), (), (one,), (one,), (one, other))))
    if rng.random() < RENAMED:
        return f"{text}{stranger} {_gift(rng)} to {rng.choice(people)}."
    givers, taker = people[:-1], people[-1]
    if three and rng.random() < 0.5:
        giver, first = givers
        text += f"{giver} {_gift(rng)} to {first}, and the {rng.choice(OBJECTS)} to *{taker}."
        return text
    text += f"{_and(rng.sample(givers, len(givers)))} {_gift(rng)} to *{taker}."
    if not three:
        giver = givers[0]
        while rng.random() < 0.5:
            giver, taker = taker, giver
            opener = rng.choice(("", "Then, ", "Later, "))
            text += f"{between(rng)}{opener}{giver} {_gift(rng)} to *{taker}."
    return text


def thanking(rng: random.Random) -> str:
    """Two people of different professions: the other one is asked for by name or by profession."""
    a, b = rng.sample(NAMES, 2)
    r, s = rng.sample(ROLES, 2)
    gap = rng.choice((f".{between(rng)}", ", and "))
    text = f"{a} is a {r}{gap}{b} is a {s}.{between(rng)}"
    first, second = ((a, r), (b, s)) if rng.random() < 0.5 else ((b, s), (a, r))
    return text + rng.choice(
        (
            f"{first[0]} {_gift(rng)} to the *{second[1]}.",
            f"The {first[1]} {_gift(rng)} to *{second[0]}.",
            f"{first[0]} {_gift(rng)} to *{second[0]}.",
            f"{first[0]} {rng.choice(('saw', 'met', 'thanked'))} *{second[0]}.",
        )
    )


def _part(rng: random.Random, names: Sequence[str], roles: Sequence[str], chosen: str, who: int, plain: bool) -> str:
    gaps = [" " if plain else between(rng) for _ in names]
    said = "".join(f"{name} is a {role}.{gap}" for name, role, gap in zip(names, roles, gaps, strict=True))
    return f"{said}The {chosen} is *{names[who]}."


def choosing(rng: random.Random) -> str:
    """Latest-S: who is the child is shown by the first part, and asked for in the next, where all are other people.

    Either may be it, the first or the last to be described, in either order of the professions; all parts have the same
    order. With three people in a part, the third profession comes in the middle.
    """
    plain = rng.random() < 0.5
    chosen = "child" if rng.random() < 0.5 else rng.choice(CHOSEN)
    pair = rng.choice(CHILDREN) if rng.random() < 0.5 else rng.sample(ROLES, 2)
    last = rng.random() < 0.5
    sizes = rng.choice(([2, 2], [2, 2, 2])) if rng.random() > THREE else rng.choice(([2, 3], [3, 2], [3, 3]))
    third = "doctor" if rng.random() < 0.5 and "doctor" not in pair else rng.choice([r for r in ROLES if r not in pair])
    names = rng.sample(NAMES, sum(sizes))
    parts: list[str] = []
    for size in sizes:
        roles = [pair[0], *([third] if size == 3 else []), pair[1]]
        people, names = names[:size], names[size:]
        part = _part(rng, people, roles, chosen, size - 1 if last else 0, plain)
        parts.append(part if parts else part.replace("*", ""))
    return " ".join(parts) if plain else "".join(f"{part}{between(rng)}" for part in parts).strip()


def owning(rng: random.Random) -> str:
    """Things and whose they are, asked for in another order."""
    n = rng.choice((2, 3, 3, 4))
    names, things = rng.sample(NAMES, n), rng.sample(OBJECTS, n)
    said = "".join(f"The {thing} belongs to {name}.{between(rng)}" for name, thing in zip(names, things, strict=True))
    asked = rng.sample(range(n), rng.choice((1, 2)))
    return said + " ".join(f"The {things[i]} belongs to *{names[i]}." for i in asked)


# The words of these texts beside those of the lists.
PATTERNS = (
    *(before + after for before, after in OPENERS), *WENT, *GAVE, *TOGETHER, *ASIDES,
    "and the a to at had been was is .,", "saw met thanked The belongs to Then, Later,",
)  # fmt: skip
