"""What is found of what makes neurons fire, as records: what was asked, examples, words.

Owns their fields, and no computation. Imports no torch.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from acdc_custom.analyses.activation_counts import Histogram
from acdc_custom.analyses.neuron_names import Neuron
from acdc_custom.files.table import Row, Tabular


@dataclass(frozen=True)
class Asked:
    """What was asked for: whatever is the same here gives the same examples."""

    model: str
    weights: str  # the model's fingerprint
    dtype: str
    texts: str
    sha256: str
    n_texts: int
    neurons: tuple[Neuron, ...]
    top: int
    longest: int
    begins: tuple[int, ...]  # tokens that are read before every piece
    seed: int


@dataclass(frozen=True)
class Example:
    """A text, or a piece of one, with the activation at each of its tokens. `peak` is where it is largest, or least."""

    line: int  # in the file
    start: int  # which token of its text the piece begins with
    peak: int
    tokens: tuple[str, ...]
    activations: tuple[float, ...]

    @property
    def value(self) -> float:
        """The activation at the peak."""
        return self.activations[self.peak]


@dataclass(frozen=True)
class FiredAt:
    """A token, and the largest activation at it in any text."""

    token: int
    text: str
    activation: float


@dataclass(frozen=True)
class TokenCosine:
    """A token, as its text, and the cosine of its direction with the neuron's."""

    text: str
    cosine: float


@dataclass(frozen=True)
class NeuronWeights:
    """The tokens whose directions are most like those of a neuron's weights, and, of what it writes, most unlike."""

    reads: tuple[TokenCosine, ...]
    writes: tuple[TokenCosine, ...]
    writes_against: tuple[TokenCosine, ...]


@dataclass(frozen=True)
class Likeness:
    """Whether words are alike: their mean cosine over all pairs, and that of as many drawn at random, `draws` times.

    `p_value` is one-sided, and never less than `smallest_p`.
    """

    words: tuple[str, ...]
    mean: float
    random_mean: float
    p_value: float
    smallest_p: float
    draws: int
    n_random: int  # words of the texts that were drawn from, besides these


@dataclass(frozen=True)
class NeuronRecord:
    """What was found of one neuron. `lowest` is empty where no gate can turn activations over."""

    neuron: Neuron
    n_tokens: int = 0
    total: float = 0.0  # of all activations
    n_positive: int = 0
    histogram: Histogram = dataclasses.field(default_factory=Histogram)
    highest: tuple[Example, ...] = ()
    lowest: tuple[Example, ...] = ()
    fires_at: tuple[FiredAt, ...] = ()
    weights: NeuronWeights | None = None  # None as long as not all texts are read
    alike: Likeness | None = None  # whether the first words of `fires_at` are; None where these are fewer than three

    @property
    def mean(self) -> float:
        """The mean activation; 0 before anything is read."""
        return self.total / max(self.n_tokens, 1)


@dataclass(frozen=True)
class NeuronExamples(Tabular):
    """What makes some neurons fire. `n_read` texts of those that were asked for have been read."""

    asked: Asked
    n_read: int
    n_cut: int  # texts that were read in pieces
    n_unknown: int  # tokens that the tokenizer does not know, and the model reads all alike
    seen: tuple[int, ...]  # every token that the texts have
    neurons: tuple[NeuronRecord, ...]

    @property
    def is_complete(self) -> bool:
        """Whether all texts have been read."""
        return self.n_read == self.asked.n_texts

    def to_rows(self) -> list[Row]:
        """One row per neuron and example, the first the one of the largest activation."""
        return [
            {
                "neuron": str(record.neuron),
                "side": side,
                "rank": rank,
                "activation": example.value,
                "token": example.tokens[example.peak],
                "line": example.line,
                "position": example.start + example.peak,
                "text": "".join(example.tokens),
            }
            for record in self.neurons
            for side, examples in (("highest", record.highest), ("lowest", record.lowest))
            for rank, example in enumerate(examples, 1)
        ]
