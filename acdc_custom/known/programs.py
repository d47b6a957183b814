"""The two programs of the ACDC paper (Conmy et al. 2023, arXiv 2304.14997), and what they should say.

They are examples of Tracr (Lindner et al. 2023, arXiv 2301.05062). What a program should say is reckoned here in plain
Python, from the words of the prompt alone. Tracr's `reverse` reads words that come later; our models are causal, so
that it reads the words first and then gives them back, one at each `?`: `<s> a b c ? ?` asks for the second from the
end, `b`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from acdc_custom.known.rasp import Aggregate, Map, Nearest, Places, Select, Tokens, Variable

START, ASKED = "<s>", "?"


@dataclass(frozen=True)
class ProgramExample:
    """A prompt, and the logits that should follow it; those of all other words are zero."""

    prompt: tuple[str, ...]
    logits: Mapping[str, float]


@dataclass(frozen=True)
class Program:
    """A variable to compile, whose numbers are the logits of the words that it `says`; and every prompt for it."""

    name: str
    about: str
    words: tuple[str, ...]
    output: Variable
    says: tuple[str, ...]
    examples: tuple[ProgramExample, ...]


def reverse(longest: int = 4) -> Program:
    """The words of a prompt from the last to the first. Nodes and their order are those of Tracr's `reverse`."""
    words = (START, "a", "b", "c", ASKED)
    tokens, places = Tokens("token", words), Places("place", tuple(range(1 + 2 * longest)))
    given = Select(None, tokens, lambda _, word: word != ASKED)
    share = Aggregate("share of <s>", (), given, tokens, lambda word: float(word == START))
    lengths = range(1, longest + 1)
    length = Nearest("length", tuple(lengths), share, {n: 1 / (n + 1) for n in lengths})
    # The word for place p stands at 2 length - p + 1. In two steps, as in Tracr's (length - index) - 1.
    less = Map("twice the length less the place", tuple(range(longest)), (length, places), lambda n, p: 2 * n - p)
    source = Map("source", places.values, (less,), lambda before: before + 1)
    there = Select(source, places, lambda wanted, place: bool(wanted == place))
    examples = [
        ProgramExample((START, *given_words, *[ASKED] * asked), {given_words[-asked]: 1.0})
        for n in lengths
        for given_words in itertools.product("abc", repeat=n)
        for asked in range(1, n + 1)
    ]
    return Program(
        "reverse",
        "gives words back from the last to the first",
        words,
        Aggregate("reversed", words, there, tokens),
        words,
        tuple(examples),
    )


def fraction_of_x(longest: int = 4) -> Program:
    """Which share of the words so far are `x`, as the logit of `x`: Tracr's `frac_prevs`, the paper's `xproportion`."""
    words = (START, "w", "x", "y", "z")
    tokens, places = Tokens("token", words), Places("place", tuple(range(1 + longest)))
    is_x = Map("is x", (), (tokens,), lambda word: float(word == "x"))
    so_far = Select(places, places, lambda place, before: 1 <= before <= place)
    examples = [
        ProgramExample((START, *given), {"x": given.count("x") / n})
        for n in range(1, longest + 1)
        for given in itertools.product("wxyz", repeat=n)
    ]
    return Program(
        "xproportion",
        "says which share of the words so far are x",
        words,
        Aggregate("fraction", (), so_far, is_x),
        ("x",),
        tuple(examples),
    )


PROGRAMS = (reverse, fraction_of_x)
