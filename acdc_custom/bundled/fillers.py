"""Sentences beside the point: they move the others about, and name people who do not matter.

Owns the fillers. Those between the sentences of a text name nobody, so that what is asked stays a matter of who comes
before and after; those before a text may name anybody.
"""

from __future__ import annotations

import random

from acdc_custom.bundled.words import ADJECTIVES, NAMES, OBJECTS, PLACES, ROLES

NAMELESS = (
    "The {o} at the {p} is {a}.",
    "It was a long day.",
    "It was a {a} day.",
    "The {p} was {a}.",
    "The {a} {o} was at the {p}.",
    "There was a {o} at the {p}.",
    "In the morning, the {p} was {a}.",
    "The {p} is {a}, and the {o} is {a2}.",
)
NAMED = (
    "{A} had a {a} {o}.",
    "{A} was at the {p}.",
    "{A} found a {o} at the {p}.",
    "{A} and {B} were working.",
    "{A} had a long day.",
    "Then, {A} saw {B}.",
    "{A} is a {r}.",
    "{A} is a {r}, and {B} is a {r2}.",
    "The {r} is {A}.",
    "{A} saw a {a} {o}, and {B} saw the {p}.",
    "{A}, {B} and {C} were at the {p}.",
)
BETWEEN = 0.25  # share of the gaps between two sentences that have a filler


def filler(rng: random.Random, patterns: tuple[str, ...] = (*NAMELESS, *NAMED)) -> str:
    """One such sentence."""
    a, a2 = rng.sample(ADJECTIVES, 2)
    r, r2 = rng.sample(ROLES, 2)
    people = dict(zip("ABC", rng.sample(NAMES, 3), strict=True))
    return rng.choice(patterns).format(**people, a=a, a2=a2, r=r, r2=r2, o=rng.choice(OBJECTS), p=rng.choice(PLACES))


def between(rng: random.Random) -> str:
    """What stands between two sentences: a space, or a sentence that names nobody."""
    return f" {filler(rng, NAMELESS)} " if rng.random() < BETWEEN else " "
