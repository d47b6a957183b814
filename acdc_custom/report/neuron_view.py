"""What makes neurons fire, as one HTML file: a part per neuron, texts coloured by its activation.

    Path("neurons.html").write_text(neuron_page(load_neuron_examples("results/mine")), encoding="utf-8")

Owns the words of the page, and what of a long text is shown at once. Knows nothing of torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acdc_custom.analyses.activation_counts import Histogram
from acdc_custom.analyses.neuron_records import Example, Likeness, NeuronExamples, NeuronRecord
from acdc_custom.errors import count
from acdc_custom.page.template import render
from acdc_custom.version import __version__

BEFORE, AFTER = 48, 16  # tokens around the peak of a long text that are shown at once
LIKELY = 0.05  # p-values from here on are what chance gives
NAMED = 5  # neurons in the title, at most
FIRED = 10  # tokens of the list at which a neuron fires
FAINTEST = 0.02  # of the largest activation: below it a token has no colour
WIDTH, HEIGHT, FOOT = 480, 150, 22  # of a histogram, in pixels; FOOT is what its numbers stand in


@dataclass(frozen=True)
class ShownToken:
    """A token. `weight` is its share of the largest activation, 0 where there is no colour to be seen."""

    text: str
    value: str
    weight: float
    below: bool
    peak: bool


@dataclass(frozen=True)
class ShownExample:
    """A text. `shown` is what stands there at once, `whole` all of it, if that is more."""

    value: float
    mean: float
    token: str
    line: int
    position: int
    cut_before: bool
    cut_after: bool
    shown: tuple[ShownToken, ...]
    whole: tuple[ShownToken, ...]


@dataclass(frozen=True)
class Bar:
    """A bin of a histogram, as a rectangle."""

    x: float
    y: float
    width: float
    height: float
    about: str


def neuron_page(found: NeuronExamples) -> str:
    """The whole page."""
    return render(
        "neurons.html",
        ("neurons.js",),
        version=__version__,
        title=f"What makes {_names(found)} fire",
        found=found,
        finding=finding(found),
        notes=notes(found),
        neurons=[(record, _examples(record)) for record in found.neurons],
        bars=lambda record: list(_bars(record.histogram)),
        ticks=_ticks,
        size=(WIDTH, HEIGHT, FOOT),
        number=number,
        likeness=likeness_sentence,
        about=about,
        fired=lambda record: [(one.text, number(one.activation)) for one in record.fires_at[:FIRED]],
        cosines=lambda rows: [(row.text, cosine(row.cosine)) for row in rows],
    )


def number(value: float) -> str:
    """An activation."""
    return f"{value:.2f}"


def cosine(value: float) -> str:
    """A cosine."""
    return f"{value:.3f}"


def finding(found: NeuronExamples) -> str:
    """What was done, in a sentence."""
    asked = found.asked
    n_tokens = found.neurons[0].n_tokens
    read = f"{found.n_read:,} of " * (not found.is_complete) + count(asked.n_texts, "text")
    return f"{read} of {asked.texts} ({count(n_tokens, 'token')}), read by {asked.model} in {asked.dtype}."


def notes(found: NeuronExamples) -> list[str]:
    """What one should know of the texts, a sentence each."""
    said = []
    if not found.is_complete:
        said.append("Not all texts have been read: give the command again to go on.")
    if found.n_cut:
        verb = "was" if found.n_cut == 1 else "were"
        longest = count(found.asked.longest, "token")
        said.append(f"{count(found.n_cut, 'text')} {verb} longer than {longest}, and {verb} read in pieces of so many.")
    if found.n_unknown:
        share = found.n_unknown / max(found.neurons[0].n_tokens, 1)
        said.append(
            f"{share:.1%} of the tokens are words that the tokenizer does not know: the model reads them alike."
        )
    return said


def about(record: NeuronRecord) -> str:
    """How a neuron's activation is distributed, in a sentence."""
    share = record.n_positive / max(record.n_tokens, 1)
    tokens = count(record.n_tokens, "token")
    return f"Its activation is positive at {share:.1%} of {tokens}; its mean is {number(record.mean)}."


def likeness_sentence(alike: Likeness | None) -> str:
    """Whether the words at which a neuron fires belong together."""
    if alike is None:
        return "It fires at fewer than three whole words, so whether these belong together was not tested."
    least = f"{alike.smallest_p:.1g}"
    if alike.p_value <= alike.smallest_p * (1 + 1e-9):
        p = f"p = {least}, the smallest that this test can give"
    else:
        p = f"p = {alike.p_value:.2g}; the smallest that this test can give is {least}"
    together = "belong" if alike.p_value < LIKELY else "do not belong"
    others = count(alike.n_random, "other word")
    return (
        f"The words at which it fires most ({', '.join(alike.words)}) {together} together more than chance: the mean "
        f"cosine of their embeddings is {cosine(alike.mean)}, that of as many words drawn at random from the texts "
        f"{cosine(alike.random_mean)} ({p}; {alike.draws:,} draws from these and {others})."
    )


def _names(found: NeuronExamples) -> str:
    names = [str(neuron) for neuron in found.asked.neurons]
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= NAMED else f"{len(names)} neurons"


def _examples(record: NeuronRecord) -> list[tuple[str, str, list[ShownExample]]]:
    """The sides that there are: a name, a heading, and its examples."""
    sides = (("highest", "Where it is largest", record.highest), ("lowest", "Where it is least", record.lowest))
    every = [abs(value) for _, _, some in sides for example in some for value in example.activations]
    largest = max(every, default=0.0) or 1.0
    return [(side, heading, [_shown(example, largest) for example in some]) for side, heading, some in sides if some]


def _shown(example: Example, largest: float) -> ShownExample:
    tokens = tuple(
        _token(text, value, largest, place == example.peak)
        for place, (text, value) in enumerate(zip(example.tokens, example.activations, strict=True))
    )
    start, end = max(0, example.peak - BEFORE), min(len(tokens), example.peak + AFTER + 1)
    if len(tokens) <= BEFORE + AFTER + 1:
        start, end = 0, len(tokens)
    return ShownExample(
        example.value,
        sum(example.activations) / len(example.activations),
        example.tokens[example.peak],
        example.line,
        example.start + example.peak,
        start > 0,
        end < len(tokens),
        tokens[start:end],
        tokens if end - start < len(tokens) else (),
    )


def _token(text: str, value: float, largest: float, peak: bool) -> ShownToken:
    weight = abs(value) / largest
    return ShownToken(text, number(value), round(weight, 3) if weight >= FAINTEST else 0.0, value < 0, peak)


def _bars(histogram: Histogram) -> Iterator[Bar]:
    """Heights on a scale of logarithms: most activations are near zero, and one looks for the rare large ones."""
    if not histogram.counts:
        return
    step, tallest = WIDTH / len(histogram.counts), math.log1p(max(histogram.counts))
    for place, n in enumerate(histogram.counts):
        if n:
            height = max(1.5, (HEIGHT - FOOT) * math.log1p(n) / tallest)
            low = (histogram.first + place) * histogram.width
            words = f"{low:g} to {low + histogram.width:g}: {count(n, 'token')}"
            yield Bar(place * step, HEIGHT - FOOT - height, max(1.0, step - 1), height, words)


def _ticks(record: NeuronRecord) -> list[tuple[float, str, str]]:
    """Where the numbers stand below a histogram: its ends, and zero if there is room between; x, text, anchor."""
    histogram = record.histogram
    n = len(histogram.counts)
    if not n:
        return []
    ends = [(0.0, histogram.first, "start"), (float(WIDTH), histogram.first + n, "end")]
    zero = -histogram.first / n
    if 0.15 < zero < 0.85:
        ends.append((zero * WIDTH, 0, "middle"))
    return [(x, f"{place * histogram.width:g}", anchor) for x, place, anchor in ends]


def lines(examples: Sequence[Example], width: int) -> Iterator[str]:
    """The first examples for a terminal: the activation, and the text up to its peak."""
    for example in examples:
        text = " ".join("".join(example.tokens[: example.peak + 1]).split())
        shown = text if len(text) <= width else f"...{text[-width + 3 :]}"
        yield f"{number(example.value):>8}  {shown}"
