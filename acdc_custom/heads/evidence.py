"""Roles, what is measured to tell them apart, and what a measured number was compared with.

Owns the words and the frozen records. Knows nothing of models: `roles.py` says what a role asks for, `measure.py` takes
the measurements.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """What a head does, in the order in which roles are given: the first that fits is a head's role."""

    NAME_MOVER = "name mover"
    NEGATIVE_NAME_MOVER = "negative name mover"
    CUE_MOVER = "cue mover"
    S_INHIBITION = "S-inhibition"
    INDUCTION = "induction"
    DUPLICATE_TOKEN = "duplicate token"
    PREVIOUS_TOKEN = "previous token"
    UNCLASSIFIED = "unclassified"

    @property
    def about(self) -> str:
        """What such a head does."""
        return {
            Role.NAME_MOVER: "attends from END to the answer's word and writes that word",
            Role.NEGATIVE_NAME_MOVER: "attends from END to a word and writes against it",
            Role.CUE_MOVER: "attends from END to a word that asks for the answer, and writes the answer",
            Role.S_INHIBITION: "attends from END to the word that tells who is meant, and steers the movers' queries",
            Role.INDUCTION: "attends to the token that came after the same token before",
            Role.DUPLICATE_TOKEN: "attends to the same token before",
            Role.PREVIOUS_TOKEN: "attends to the token before",
            Role.UNCLASSIFIED: "the evidence is too weak for any role",
        }[self]


class Measure(StrEnum):
    """What is measured of a head. The value is what files call it."""

    DIRECT_EFFECT = "direct_effect"
    COPY = "copy_score"
    NEGATIVE_COPY = "negative_copy_score"
    ANSWER_FROM_CUE = "answer_from_cue"
    ATTENTION_TO_ANSWER = "attention_to_answer"
    ATTENTION_TO_WORD = "attention_to_word"
    ATTENTION_TO_CUE = "attention_to_cue"
    ATTENTION_TO_TELLING = "attention_to_telling_word"
    QUERY_EFFECT = "query_effect"
    ATTENTION_CHANGE = "attention_change"
    INDUCTION = "induction_score"
    DUPLICATE_TOKEN = "duplicate_token_score"
    PREVIOUS_TOKEN = "previous_token_score"

    @property
    def about(self) -> str:
        """What the number is."""
        return {
            Measure.DIRECT_EFFECT: "change of the logit difference when the head's direct paths to the logits are "
            "patched, in per cent",
            Measure.COPY: "share of (prompt x word place) whose word is among the five words that the head would write "
            "about what stands there after block 0 (a head of layer 0: about the embedding)",
            Measure.NEGATIVE_COPY: "the same for the opposite of what the head would write",
            Measure.ANSWER_FROM_CUE: "share of prompts whose answer is among the five words that the head would write "
            "at the place of another word",
            Measure.ATTENTION_TO_ANSWER: "attention from END to the answer's word",
            Measure.ATTENTION_TO_WORD: "attention from END to the word that gets most of it",
            Measure.ATTENTION_TO_CUE: "attention from END to the place from which the head would write the answer",
            Measure.ATTENTION_TO_TELLING: "attention from END to a repeated word's later place, or to the latest word",
            Measure.QUERY_EFFECT: "change of the logit difference when the head's paths to the movers' queries at END "
            "are patched, in per cent",
            Measure.ATTENTION_CHANGE: "what that patch adds to the movers' attention to the answer, less to the foil",
            Measure.INDUCTION: "attention to the token after the same token's first occurrence, repeated random tokens",
            Measure.DUPLICATE_TOKEN: "attention to the same token's first occurrence, repeated random tokens",
            Measure.PREVIOUS_TOKEN: "attention to the token before, repeated random tokens",
        }[self]

    @property
    def in_per_cent(self) -> bool:
        """Whether the number is in per cent of the logit difference; the others are shares from 0 to 1."""
        return self in (Measure.DIRECT_EFFECT, Measure.QUERY_EFFECT)


class Bound(StrEnum):
    """What counts as strong."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    SIZE_AT_LEAST = "size at least"

    def strength(self, value: float) -> float:
        """The value turned so that more is stronger."""
        return {Bound.AT_LEAST: value, Bound.AT_MOST: -value, Bound.SIZE_AT_LEAST: abs(value)}[self]


class Whose(StrEnum):
    """Where a threshold comes from."""

    FIELD = "the field's"
    OURS = "ours"


@dataclass(frozen=True)
class Score:
    """One measured number. `control` is the same with random tokens in place of the ones that matter."""

    value: float
    control: float | None = None
    at: str = ""  # the word or place that it is about, or what it starts from, where that differs from head to head


@dataclass(frozen=True)
class NullDistribution:
    """What a number was compared with: how strong it is elsewhere, where more is stronger."""

    median: float
    high: float  # the 95th percentile
    n: int

    @classmethod
    def of(cls, strengths: Sequence[float]) -> Self | None:
        """The distribution of these; none if there is nothing to compare with."""
        if not strengths:
            return None
        ranked = sorted(strengths)
        return cls(statistics.median(ranked), ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))], len(ranked))


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for or against a role, and what it was compared with."""

    role: Role
    measure: Measure
    at: str
    value: float
    bound: Bound
    threshold: float
    whose: Whose
    others: NullDistribution | None  # strength of all other heads
    rank: int  # 1: the strongest of all heads
    control: NullDistribution | None  # strength of all heads with random tokens

    @property
    def passed(self) -> bool:
        """Whether the number is strong enough: beyond the threshold, and above what random tokens give."""
        strength = self.bound.strength(self.value)
        enough = strength >= self.bound.strength(self.threshold)
        return enough and (self.control is None or strength > self.control.high)

    def __str__(self) -> str:
        """`copy score 0.94 (at least 0.5, ours; 2nd of 144 heads; random tokens 0.02)`."""
        name = self.measure.value.replace("_", " ") + (f" ({self.at})" if self.at else "")
        unit = " %" if self.measure.in_per_cent else ""
        n = 1 + (self.others.n if self.others else 0)
        parts = [f"{self.bound} {self.threshold:g}{unit}, {self.whose}", f"{ordinal(self.rank)} of {n} heads"]
        if self.control is not None:
            parts.append(f"random tokens up to {self.control.high:.2g}{unit}")
        return f"{name} {self.value:.2f}{unit} ({'; '.join(parts)})"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
