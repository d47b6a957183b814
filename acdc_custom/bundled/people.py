"""Texts about people: who is given the thing (IOI and its kin), who is the child (latest-S and its kin).

Owns these kinds. A `*` stands before each word that the text before it decides: the answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

from acdc_custom.bundled.fillers import between
from acdc_custom.bundled.words import ADJECTIVES, CHOSEN, NAMES, OBJECTS, PLACES, ROLES

ORDER = ("first", "last")
# Shares of the texts about giving:
MANY = 0.15  # three or four people
RENAMED = 0.08  # a stranger gives: IOI's corrupted prompts
FRAME = 0.3  # the very words of the built-in task, each half by itself; so have texts about who is chosen, as a whole
LATE = 0.15  # the one who is given the thing is named last
APART = 0.15  # of those about two people: each has a sentence
BACK = 0.3  # of those about two people: something is given back, and perhaps again
BESIDE = 0.15  # somebody is named who has no part in it
OPENERS = (
    ("When ", ","), ("After ", ","), ("While ", ","), ("Then, ", "."), ("", "."), ("Later, ", "."), ("One day, ", "."),
    ("In the morning, ", "."),
)  # fmt: skip
WENT = ("went to", "were at", "came to", "walked to", "met at", "got to", "were working at", "had a long day at")
GAVE = ("gave", "brought", "handed", "sold", "showed", "decided to give", "wanted to give", "sent")
MET = ("saw", "met", "found")
LEFT = ("left", "slept", "worked", "was sad")
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


def giving_cued(rng: random.Random) -> str:
    """One of two gives, whose name is not said: the first or the last to be named; the other one is given the thing."""
    text, people = _two(rng)
    who = rng.randint(0, 1)
    text += f"{'The' if text[-2] == '.' else 'the'} {ORDER[who]} {_gift(rng)} to *{people[1 - who]}."
    return text


def giving_named(rng: random.Random) -> str:
    """The same with the name, of which the text says itself whether it is the first or the last."""
    text, people = _two(rng)
    who = rng.randint(0, 1)
    return f"{text}{people[who]} *{ORDER[who]} {_gift(rng)} to *{people[1 - who]}."


def placing(rng: random.Random) -> str:
    """Two people in a scene, or two or three by their professions: who was named first, and who last? Once or twice."""
    said: list[str] = []
    for _ in range(rng.randint(1, 2)):
        if rng.random() < 0.5:
            text, people = _two(rng)
            if text[-2] == ",":
                text = f"{text[:-2]}. "
        else:
            people = rng.sample(NAMES, rng.choice((2, 2, 3)))
            text = "".join(
                f"{name} is a {role}.{between(rng)}" for name, role in zip(people, rng.sample(ROLES, 3), strict=False)
            )
        answers = [f"{people[0]} *first.", f"{people[-1]} *last."]
        said.append(text + " ".join(_shuffled(rng, answers)))
    return " ".join(said)


def _two(rng: random.Random) -> tuple[str, list[str]]:
    """A scene of two people, who stand together or apart, and these in their order."""
    *people, one = rng.sample(NAMES, 3)
    if rng.random() < APART:
        return "".join(f"{name} {rng.choice(WENT)} the {rng.choice(PLACES)}.{between(rng)}" for name in people), people
    return _scene(rng, people, (one,) if rng.random() < BESIDE else ()), people


def giving(rng: random.Random) -> str:
    """Two people or more, and some who give: who is given the thing? The one who does not.

    No place in the sentence tells it: the one who is given the thing may be named first, between or last, even after
    the one who gives has come up again. Others may give too, or leave before. What was given may be given back.
    """
    if rng.random() < LATE:
        return _late(rng, *rng.sample(NAMES, 2))
    if rng.random() < MANY:
        return _many(rng)
    text, people = _two(rng)
    giver, taker = _shuffled(rng, people)
    if rng.random() < RENAMED:
        stranger = rng.choice([name for name in NAMES if name not in people])
        return f"{text}{stranger} {_gift(rng)} to {rng.choice(people)}."
    text += f"{giver} {_gift(rng)} to *{taker}."
    while rng.random() < BACK:
        giver, taker = taker, giver
        text += f"{between(rng)}{rng.choice(('', 'Then, ', 'Later, '))}{giver} {_gift(rng)} to *{taker}."
    return text


def _many(rng: random.Random) -> str:
    """Three or four people: all but one give, or all but two leave before one gives."""
    people = rng.sample(NAMES, rng.choice((3, 3, 4)))
    text = _scene(rng, people, ())
    *givers, taker = _shuffled(rng, people)
    if rng.random() < 0.5:
        *gone, giver = givers
        text += "".join(f"{name} {rng.choice(LEFT)}{rng.choice(('.', ', and'))} " for name in gone)
        return f"{text}{giver} {_gift(rng)} to *{taker}."
    return f"{text}{_and(givers)} {_gift(rng)} to *{taker}."


def _shuffled(rng: random.Random, names: Sequence[str]) -> list[str]:
    return rng.sample(names, len(names))


def _late(rng: random.Random, giver: str, taker: str) -> str:
    """The one who is given the thing comes after both mentions of the one who gives."""
    before, after = rng.choice(OPENERS)
    scene = f"{before}{giver} {rng.choice(WENT)} the {rng.choice(PLACES)}{after}"
    return f"{scene} {giver} {rng.choice(MET)} {taker} and {_gift(rng)} to *{taker}."


class Told(StrEnum):
    """How a text tells who is chosen."""

    CUED = "The last child is Bob."  # before every name
    NAMED = "The child is Bob last."  # after the name, in all parts but the last
    SHOWN = "The child is Bob."


def cued(rng: random.Random) -> str:
    """Who is chosen is told before every name: the first or the last of the part."""
    return _choosing(rng, Told.CUED)


def named(rng: random.Random) -> str:
    """Who is chosen is shown by the parts before, which say in words whether it is the first or the last."""
    return _choosing(rng, Told.NAMED)


def choosing(rng: random.Random) -> str:
    """Latest-S: who is the child is shown by the part before, and asked for in the next, where all are other people."""
    return _choosing(rng, Told.SHOWN)


def _choosing(rng: random.Random, told: Told) -> str:
    """Parts of two or three people each; in all of them the first is chosen, or in all of them the last.

    Some texts have the words of the built-in tasks. Half of the others have the same professions in the same order in
    every part, the rest have new ones.
    """
    exact = rng.random() < FRAME
    plain = exact or rng.random() < 0.5
    chosen = "child" if exact or rng.random() < 0.5 else rng.choice(CHOSEN)
    last = rng.random() < 0.5
    sizes = rng.choices(([2, 2], [2, 2, 2], [2, 3], [3, 2], [3, 3]), (0.5, 0.2, 0.1, 0.1, 0.1))[0]
    same = None if rng.random() < 0.5 else _professions(rng)
    if exact:
        first, other = rng.choice(CHILDREN)
        same = (first, "doctor", other)
    names = rng.sample(NAMES, sum(sizes))
    said = ""
    for part, size in enumerate(sizes):
        first, middle, other = same or _professions(rng)
        people, names = names[:size], names[size:]
        for name, role in zip(people, (first, *([middle] * (size - 2)), other), strict=True):
            said += f"{name} is a {role}.{' ' if plain else between(rng)}"
        who, word = (people[-1], "last") if last else (people[0], "first")
        if told is Told.CUED:
            said += f"The {word} {chosen} is *{who}."
        elif told is Told.NAMED and part < len(sizes) - 1:
            said += f"The {chosen} is {'*' * (part > 0)}{who} *{word}."
        else:
            said += f"The {chosen} is {'*' * (part > 0)}{who}."
        said += " " if plain else between(rng)
    return said.strip()


def _professions(rng: random.Random) -> tuple[str, str, str]:
    """Of the first, of one in the middle, and of the last."""
    pair = rng.choice(CHILDREN) if rng.random() < 0.4 else tuple(rng.sample(ROLES, 2))
    third = "doctor" if rng.random() < 0.5 else rng.choice(ROLES)
    while third in pair:
        third = rng.choice(ROLES)
    return pair[0], third, pair[1]


# The words of these texts beside those of the lists.
PATTERNS = (
    *(before + after for before, after in OPENERS), *WENT, *GAVE, *TOGETHER, *ASIDES,
    *MET, *LEFT, "and the a to at was is .,", "Then, Later, first last",
)  # fmt: skip
