"""What a report says beyond the circuit file: values that were measured by running the model again.

Owns the plain, frozen values that `measure` fills and the page shows. Knows neither torch nor HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.heads.table import HeadTable
from acdc_custom.report.attention_view import AttentionData


@dataclass(frozen=True)
class Piece:
    """One token as the prompt writes it. `changed`: the other version of the prompt has another one here."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Guess:
    """What comes next, by the model or a part of it."""

    likeliest: str
    probability: float
    answer: float  # probability of the answer, or of all of them
    foil: float
    logit_diff: float


@dataclass(frozen=True)
class PromptExample:
    """One prompt of the batch. `guesses`: the model, the circuit, and no edges at all, in this order."""

    clean: tuple[Piece, ...]
    corrupted: tuple[Piece, ...]
    answer: str
    foil: str
    guesses: tuple[Guess, Guess, Guess]


@dataclass(frozen=True)
class PlaceWords:
    """Which words stand at a named position of the prompts, and in how many; most frequent first."""

    place: str
    clean: tuple[tuple[str, int], ...]
    corrupted: tuple[tuple[str, int], ...]
    changes: bool  # whether the corruption puts another word there in any prompt; the counts may be alike


@dataclass(frozen=True)
class Spread:
    """The logit difference of every prompt of the batch, in logits."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return fmean(self.values)

    @property
    def deviation(self) -> float:
        """The standard deviation between prompts (n - 1); 0 for one prompt."""
        return stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class QuestionSection:
    """What was asked, in words. Any of the texts may be empty."""

    description: str
    source: str
    corruption: str  # how a prompt is corrupted
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PageFigure:
    """A figure as `data:` addresses. `about` is for those who cannot see it, `caption` for everyone; sizes in "
    "pixels."""

    light: str
    dark: str
    about: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Fact:
    """One thing that is known of a node: `value` with its unit, and how it was got."""

    label: str
    value: str
    how: str


@dataclass(frozen=True)
class Contents:
    """All that a report shows."""

    circuit: Circuit
    task: str  # as the user gave it: a name or a path
    model_name: str  # likewise
    question: QuestionSection
    examples: tuple[PromptExample, ...]
    places: tuple[PlaceWords, ...]  # in the order of the task file
    model: Spread  # on the clean prompts
    corrupted: Spread  # the model on the corrupted prompts
    inside: Spread  # the circuit
    empty: Spread  # no edges
    heads: HeadTable | None  # None: no head in the circuit, or a model that is indifferent to the answer
    attention: AttentionData | None  # None: no head in the circuit, or prompts too long to show
    figures: tuple[PageFigure, ...]  # of the analyses
    facts: Mapping[str, Sequence[Fact]]  # by the name of the node
    packages: Mapping[str, str]  # the versions that measured this
