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

    @property
    def at_end(self) -> bool:
        """Whether it is a matter of what the head does at END."""
        return self in (Role.NAME_MOVER, Role.NEGATIVE_NAME_MOVER, Role.CUE_MOVER, Role.S_INHIBITION)

    def counted(self, n: int) -> str:
        """`2 name movers`, `1 S-inhibition head`, `5 unclassified`."""
        if self is Role.UNCLASSIFIED:
            return f"{n} {self}"
        noun = self.value if self.value.endswith("mover") else f"{self} head"
        return f"{n} {noun}{'s' * (n != 1)}"


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
    def in_words(self) -> str:
        """What people call it: `copy score`."""
        return self.value.replace("_", " ")

    @property
    def in_per_cent(self) -> bool:
        """Whether the number is in per cent of the logit difference; the others are shares from 0 to 1."""
        return self in (Measure.DIRECT_EFFECT, Measure.QUERY_EFFECT)


DEFINITIONS = 1  # of the measures: raised when what one of them is changes, so that old numbers are told from new ones


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
    others: NullDistribution | None  # strength of other heads: of the sample that stands for the model's
    rank: int  # 1: the strongest of the heads that were measured
    measured: int  # how many these are
    control: NullDistribution | None  # strength of the sample's heads with random tokens

    @property
    def passed(self) -> bool:
        """Whether the number is strong enough: beyond the threshold, and above what random tokens give."""
        enough = self.bound.strength(self.value) >= self.bound.strength(self.threshold)
        return enough and not self.is_chance

    @property
    def is_chance(self) -> bool:
        """Whether random tokens give as much."""
        return self.control is not None and self.bound.strength(self.value) <= self.control.high

    @property
    def reached(self) -> float:
        """How much of the threshold the number reaches: 1 or more is enough, 0 nothing or the other direction."""
        return max(0.0, self.bound.strength(self.value) / self.bound.strength(self.threshold))

    @property
    def name(self) -> str:
        """`attention to answer (IO)`."""
        return self.measure.in_words + (f" ({self.at})" if self.at else "")

    @property
    def asked(self) -> str:
        """`at least 0.5`."""
        return f"{self.bound} {self.threshold:g}{self.unit}"

    @property
    def unit(self) -> str:
        """With a space before it, or nothing."""
        return " %" if self.measure.in_per_cent else ""

    def __str__(self) -> str:
        """`copy score 0.94 (at least 0.5, ours; 2nd of 144 heads measured; random tokens up to 0.02)`."""
        parts = [f"{self.asked}, {self.whose}", f"{ordinal(self.rank)} of {self.measured} heads measured"]
        if self.control is not None:
            parts.append(f"random tokens up to {self.control.high:.2g}{self.unit}")
        return f"{self.name} {self.value:.2f}{self.unit} ({'; '.join(parts)})"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
