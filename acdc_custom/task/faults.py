"""What can be wrong with a prompt as tokens, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Flaw(Enum):
    """What can be wrong with a prompt as tokens; the value is what to do about it."""

    LENGTH = "In what the corruption changes, use only words that are one token each where they stand."
    NOTHING = "Give a prompt that the tokenizer makes tokens of."
    SAME = "Let the corrupted prompt have another word in it."
    SPLIT = "Choose another word, or put spaces around the slot."
    ANSWER = "Give answers and foils with the space before them, in words that the tokenizer knows."
    SEVERAL = "Give one answer and foils of as many tokens; where there are several answers, give them one token each."
    TOKEN = "Give token ids of this model's own tokenizer, or texts."
    SAME_ANSWER = "Choose another foil; a corruption may have a foil of its own."
    POSITION = "Count in the prompt that is shown, or name a text that every prompt has."
    SPAN = "Let a span end after it begins, and before the next one does."


BESIDE_TOKENS = (Flaw.POSITION, Flaw.SPAN)  # what is wrong with the names of places, and not with the prompt


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with one prompt. `subject` tells faults of a kind apart: which position, which key."""

    flaw: Flaw
    subject: str
    message: str
